// check/approval: a person's sign-off.
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class CheckApproval : public Stage {
 public:
  static constexpr const char* id = "check/approval";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
