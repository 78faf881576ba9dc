#include "plugins/modelkit/train/batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plugins/modelkit/data/random.h"

namespace presswork::modelkit {

std::int64_t Batches::steps() const {
  return epochs * static_cast<std::int64_t>((windows + size - 1) / size);
}

std::vector<std::size_t> Batches::at(std::int64_t step) const {
  const auto in_epoch = static_cast<std::int64_t>((windows + size - 1) / size);
  // A seed of its own from the stream of `seed`, whose draws for neighbouring seeds would overlap otherwise.
  Random draws(Random(seed).next() + static_cast<std::uint64_t>(step / in_epoch));
  std::vector<std::size_t> order(windows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = windows; i > 1; --i) std::swap(order[i - 1], order[draws.below(i)]);
  const std::size_t first = static_cast<std::size_t>(step % in_epoch) * size;
  return {order.begin() + static_cast<std::ptrdiff_t>(first),
          order.begin() + static_cast<std::ptrdiff_t>(std::min(windows, first + size))};
}

}  // namespace presswork::modelkit
