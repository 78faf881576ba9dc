// An instance that the user names.
#pragma once

#include <string>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

// As the run has it, or had it before a rollback. Throws Error{not_found} with the nearest one.
store::InstanceRow find_instance(Session& session, const std::string& run, const std::string& id);

}  // namespace presswork::cli
