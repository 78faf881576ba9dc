// The learning rate over a run.
#pragma once

#include <cstdint>

namespace presswork::modelkit {

// A linear rise over the first `warmup` steps, then half a cosine down to 0 behind the last one (Loshchilov &
// Hutter 2017, equation 5, without restarts): step 0 has 1 / warmup of the rate.
struct Schedule {
  std::int64_t steps = 1;
  std::int64_t warmup = 0;  // at most `steps`

  // Of the peak rate, in (0, 1]; `step` in [0, steps).
  double factor(std::int64_t step) const;
};

}  // namespace presswork::modelkit
