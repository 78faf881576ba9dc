// The steps that `--force` and `--until` name, as instances are spelled (instance_name.h). A loop stands for
// all that is in it.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/engine/plan.h"

namespace presswork::engine {

bool is_named(const Step& step, const std::vector<std::string>& names);

// Whether each name means a stage that there is, or may be once its loop has come to it. Throws
// Error{invalid_input} with a suggestion.
void check_forced(const Plan& plan, const std::vector<std::string>& names);

// Whether each name means a step outside of loops: a loop is run as a whole. Throws likewise.
void check_until(const Plan& plan, const std::vector<std::string>& names);

}  // namespace presswork::engine
