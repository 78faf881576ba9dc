// estimate/overview: every estimate at once, for a model folder or for plain numbers, as figures and as
// tables.
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class EstimateOverview : public Stage {
 public:
  static constexpr const char* id = "estimate/overview";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
