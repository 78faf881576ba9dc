#include "plugins/modelkit/quantize/allocation.h"

#include <algorithm>
#include <limits>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// The first items' choices that come to these sums.
struct State {
  std::uint64_t bytes = 0;
  double loss = 0;
  std::size_t before = 0, choice = 0;  // state of the items before, choice of the last
};

std::uint64_t smallest(const std::vector<Choice>& item) {
  return std::min_element(item.begin(), item.end(),
                          [](const Choice& a, const Choice& b) { return a.bytes < b.bytes; })
      ->bytes;
}

std::uint64_t smallest(const std::vector<std::vector<Choice>>& items) {
  std::uint64_t bytes = 0;
  for (const auto& item : items) bytes += smallest(item);
  return bytes;
}

// Leaves the states that no other one beats in both sums; by growing bytes and falling loss.
void prune(std::vector<State>& states) {
  std::sort(states.begin(), states.end(), [](const State& a, const State& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.loss < b.loss;
  });
  double least = std::numeric_limits<double>::infinity();
  std::erase_if(states, [&](const State& state) {
    if (state.loss >= least) return true;
    least = state.loss;
    return false;
  });
}

std::vector<State> extended(const std::vector<State>& states, const std::vector<Choice>& item,
                            std::uint64_t limit) {
  std::vector<State> next;
  for (std::size_t s = 0; s < states.size(); ++s) {
    for (std::size_t c = 0; c < item.size(); ++c) {
      const std::uint64_t bytes = states[s].bytes + item[c].bytes;
      if (bytes <= limit) next.push_back({bytes, states[s].loss + item[c].loss, s, c});
    }
  }
  prune(next);
  return next;
}

}  // namespace

void expect_fits(const std::vector<std::vector<Choice>>& items, std::uint64_t limit) {
  const std::uint64_t least = smallest(items);
  if (least <= limit) return;
  throw Error("invalid_parameter",
              "the smallest precisions take " + std::to_string(least) + " bytes; " + std::to_string(limit) +
                  " are allowed",
              "/bits_per_weight", "raise it, or add a smaller one to precisions");
}

Allocation allocate(const std::vector<std::vector<Choice>>& items, std::uint64_t limit) {
  expect_fits(items, limit);
  std::uint64_t rest = smallest(items);  // that the items still to come take at least
  std::vector<std::vector<State>> steps = {{State{}}};
  for (const auto& item : items) {
    rest -= smallest(item);
    steps.push_back(extended(steps.back(), item, limit - rest));
  }
  const State& best = steps.back().back();  // the largest has the least loss
  Allocation found{std::vector<std::size_t>(items.size()), best.bytes, best.loss};
  const State* state = &best;
  for (std::size_t i = items.size(); i-- > 0;) {
    found.choices[i] = state->choice;
    state = &steps[i][state->before];
  }
  return found;
}

}  // namespace presswork::modelkit
