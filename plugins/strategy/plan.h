// strategy/plan: the limits, and which way of compressing the model keeps to them best.
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class PlanStrategy : public Stage {
 public:
  static constexpr const char* id = "strategy/plan";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
