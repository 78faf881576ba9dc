#include "plugins/modelkit/train/schedule.h"

#include <cmath>
#include <numbers>

namespace presswork::modelkit {

double Schedule::factor(std::int64_t step) const {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double share = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * share));
}

}  // namespace presswork::modelkit
