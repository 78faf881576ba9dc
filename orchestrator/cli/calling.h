// Running one stage outside of a workflow, with progress and signals.
#pragma once

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/run.h"

namespace presswork::cli {

struct Called {
  engine::CallResult result;
  int code = 0;  // the exit code
};

// Throws as engine::call_stage() does.
Called call(Session& session, const plugins::StageDescription& stage, const engine::CallRequest& request);

// Says on stderr, in full, why a stage failed: a progress display has that from the events of a run only.
void complain(Session& session, const plugins::StageDescription& stage, const engine::CallResult& result);

}  // namespace presswork::cli
