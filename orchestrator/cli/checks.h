// What `doctor` looks at.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

struct Check {
  std::string state;    // ok, warn, fail
  std::string subject;  // "machine", "plugins", …
  std::string finding;
  std::string advice;  // what to do; "" when it is ok
};

// None of them throws, and none makes a workspace where there is none.
std::vector<Check> check_machine();
std::vector<Check> check_plugins(Session& session);
std::vector<Check> check_workspace(Session& session);

}  // namespace presswork::cli
