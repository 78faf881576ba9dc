#include "plugins/modelkit/inference/timing.h"

#include <algorithm>
#include <chrono>

#include "plugins/modelkit/data/random.h"

namespace presswork::modelkit {
namespace {

double seconds_between(std::chrono::steady_clock::time_point start,
                       std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

}  // namespace

std::vector<std::int32_t> random_tokens(std::size_t count, std::int64_t vocabulary, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int32_t> ids(count);
  for (auto& id : ids) id = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocabulary)));
  return ids;
}

std::int32_t most_likely(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Times time_once(Session& session, std::span<const std::int32_t> prompt, std::size_t new_tokens) {
  session.clear();
  const auto start = std::chrono::steady_clock::now();
  std::span<const float> logits = session.append(prompt);
  const auto first = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < new_tokens; ++i) {
    const std::int32_t best = most_likely(logits);
    logits = session.append(std::span(&best, 1));
  }
  return {.prefill = seconds_between(start, first),
          .decode = seconds_between(first, std::chrono::steady_clock::now())};
}

}  // namespace presswork::modelkit
