// The other workspaces that share the session's store.
#pragma once

#include <vector>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

// Those that are there and in which something has run.
std::vector<fs::path> other_workspaces(Session& session);

// Those that are registered and not there: removed, or on a disk that is not mounted.
std::vector<fs::path> missing_workspaces(Session& session);

}  // namespace presswork::cli
