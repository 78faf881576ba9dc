// What a run is asked, as one digest: by it a run that would come to the same is known without being planned.
#pragma once

#include <string>

#include "orchestrator/cli/session.h"
#include "orchestrator/cli/workflow_file.h"

namespace presswork::cli {

// See engine::RunOptions::question. Programs and plugins are told by what stat says of their files, as the
// cache of descriptions tells them.
std::string question_of(Session& session, const Asked& asked, const engine::Limits& limits);

}  // namespace presswork::cli
