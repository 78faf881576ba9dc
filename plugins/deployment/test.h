// deploy/test: is the model, as it lies on disk, fit to be deployed?
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class DeployTest : public Stage {
 public:
  static constexpr const char* id = "deploy/test";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
