// What `run` and `resume` share: everything around the engine's work.
#pragma once

#include <functional>
#include <string>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/engine/run.h"

namespace presswork::cli {

struct Went {
  engine::RunResult result;
  const engine::Plan* plan = nullptr;  // null: one that repeats another run, and needed none
};
using Go = std::function<Went(const engine::Surroundings&)>;

// Takes the workspace lock, shows progress, keeps the journal, turns signals into stop requests, calls `go`,
// prints the summary, and returns the exit code.
// While it works it holds the store against garbage collection, too.
// `metrics_file`: where to keep the run's metrics for Prometheus; none when empty.
int conduct(Session& session, const Go& go, const std::string& metrics_file = {});

// The same around other work on the workspace that may call stages: lock, progress, signals; no journal, no
// summary. Throws what `work` throws; Error{cancelled} is for the caller to tell.
void with_workspace(Session& session, const std::function<void(const engine::Surroundings&)>& work);

}  // namespace presswork::cli
