// Why a call failed, as the done record carries it. (base::Error is not used here: the host starts for every
// stage and links as little as it can.)
#pragma once

#include <string>

namespace presswork::host {

struct Failure {
  std::string code;  // as listed at executor::Outcome, or the stage's own
  std::string message;
  std::string where;
  std::string hint;
};

}  // namespace presswork::host
