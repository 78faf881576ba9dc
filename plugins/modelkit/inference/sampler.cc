#include "plugins/modelkit/inference/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {

std::int32_t next_token(std::span<const float> logits, const SamplerOptions& options, Random& random) {
  for (const float logit : logits) {
    if (!std::isfinite(logit)) throw Error("not_finite", "a logit is NaN or infinite", "lm_head");
  }
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  if (options.temperature <= 0.0) return static_cast<std::int32_t>(best);
  // Falling likelihood; equal ones in the order of the vocabulary.
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto likelier = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  };
  std::size_t kept = order.size();
  if (options.top_k > 0) kept = std::min(kept, static_cast<std::size_t>(options.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), likelier);
  std::vector<double> weights(kept);
  const double top = logits[static_cast<std::size_t>(best)];
  double total = 0.0;
  for (std::size_t i = 0; i < kept; ++i) {
    weights[i] = std::exp((logits[static_cast<std::size_t>(order[i])] - top) / options.temperature);
    total += weights[i];
  }
  double sum = 0.0;
  if (options.top_p < 1.0) {
    std::size_t i = 0;
    while (i < kept && sum < options.top_p * total) sum += weights[i++];
    kept = std::max<std::size_t>(1, i);
    total = std::accumulate(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(kept), 0.0);
  }
  const double draw = random.uniform() * total;
  sum = 0.0;
  for (std::size_t i = 0; i < kept; ++i) {
    sum += weights[i];
    if (draw < sum) return order[i];
  }
  return order[kept - 1];
}

}  // namespace presswork::modelkit
