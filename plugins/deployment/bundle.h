// deploy/bundle: one folder with all that goes into production.
#pragma once

#include "presswork/stage.hpp"

namespace presswork {

class DeployBundle : public Stage {
 public:
  static constexpr const char* id = "deploy/bundle";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
