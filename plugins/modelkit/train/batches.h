// Which windows each step of a training trains on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace presswork::modelkit {

// Each epoch takes all windows once, in an order of its own that follows from `seed` and the epoch alone, so
// that step n is the same however the training came to it. The last batch of an epoch may be smaller.
struct Batches {
  std::size_t windows = 0;
  std::size_t size = 1;  // windows in a batch
  std::int64_t epochs = 1;
  std::uint64_t seed = 0;

  std::int64_t steps() const;
  std::vector<std::size_t> at(std::int64_t step) const;  // [0, steps())
};

}  // namespace presswork::modelkit
