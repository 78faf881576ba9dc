// What `run` and `resume` share: everything around the engine's work.
#pragma once

#include <functional>
#include <string>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/engine/run.h"

namespace presswork::cli {

using Go = std::function<engine::RunResult(const engine::Surroundings&)>;

// Takes the workspace lock, shows progress, keeps the journal, turns signals into stop requests, calls `go`,
// prints the summary, and returns the exit code.
// `metrics_file`: where to keep the run's metrics for Prometheus; none when empty.
int conduct(Session& session, const engine::Plan& plan, const Go& go, const std::string& metrics_file = {});

}  // namespace presswork::cli
