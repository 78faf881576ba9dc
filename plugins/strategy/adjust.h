// strategy/adjust: from a strategy that failed, and what was measured, to the next one.
#pragma once

#include "plugins/strategy/strategy_file.h"
#include "presswork/stage.hpp"

namespace presswork {

// The next strategy after `attempt`: predictions are corrected by what was measured, then the best-ranked
// candidate that was never tried and goes in the direction that the measurements ask for is taken. When none
// is left, the choice stays and `exhausted` is true.
strategy::Strategy adjusted(strategy::Strategy strategy, strategy::Attempt attempt);

// The model failed as it was, before the strategy was carried out: it is the next one, unless it is to leave
// the model as it was.
strategy::Strategy begun(strategy::Strategy strategy, const strategy::Attempt& attempt);

class AdjustStrategy : public Stage {
 public:
  static constexpr const char* id = "strategy/adjust";
  static Json describe();
  void run(const Context& context) override;
};

}  // namespace presswork
