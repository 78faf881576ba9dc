// How many bits each linear gets when all together may take so much room: one choice for each item with the
// least sum of losses, the multiple-choice knapsack problem (Kellerer, Pferschy & Pisinger 2004, chapter 11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace presswork::modelkit {

struct Choice {
  std::uint64_t bytes = 0;
  double loss = 0;
};

struct Allocation {
  std::vector<std::size_t> choices;  // of each item, by index
  std::uint64_t bytes = 0;
  double loss = 0;
};

// Throws "invalid_parameter" at /bits_per_weight when no allocation keeps within `limit` bytes, saying what
// the least is. Losses are not looked at: sizes are known before anything is measured.
void expect_fits(const std::vector<std::vector<Choice>>& items, std::uint64_t limit);

// The best allocation within `limit` bytes, exactly: all sums that no smaller one with as little loss beats
// are kept, item by item. Of equal ones the smallest. Throws as expect_fits().
Allocation allocate(const std::vector<std::vector<Choice>>& items, std::uint64_t limit);

}  // namespace presswork::modelkit
