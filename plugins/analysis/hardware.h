// analyze/hardware: what this machine has, and whether the model fits the target.
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class AnalyzeHardware : public Stage {
 public:
  static constexpr const char* id = "analyze/hardware";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
