// An instance that the user names.
#pragma once

#include <string>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

// As the run has it, or had it before a rollback; spelled as engine::find_instance() takes it, which also
// says what it throws.
store::InstanceRow find_instance(Session& session, const std::string& run, const std::string& spelling);

}  // namespace presswork::cli
