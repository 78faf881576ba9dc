#include "plugins/modelkit/quantize/allocation.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Items = std::vector<std::vector<Choice>>;

// The least loss of all combinations that fit.
double brute_force(const Items& items, std::uint64_t limit, std::size_t item = 0, std::uint64_t bytes = 0,
                   double loss = 0) {
  if (bytes > limit) return std::numeric_limits<double>::infinity();
  if (item == items.size()) return loss;
  double least = std::numeric_limits<double>::infinity();
  for (const Choice& choice : items[item])
    least = std::min(least, brute_force(items, limit, item + 1, bytes + choice.bytes, loss + choice.loss));
  return least;
}

Items random_items(std::mt19937& random, bool falling) {
  Items items(1 + random() % 7);
  for (auto& item : items) {
    const std::uint64_t size = 1 + random() % 50;
    double loss = static_cast<double>(random() % 1000);
    for (std::size_t c = 0; c < 1 + random() % 5; ++c) {
      item.push_back({falling ? size * (3 + c) : 1 + random() % 200, loss});
      loss = falling ? loss / (1.5 + static_cast<double>(random() % 4)) : static_cast<double>(random() % 1000) - 300;
    }
  }
  return items;
}

TEST(Allocation, IsAsGoodAsTheBestOfAllCombinations) {
  std::mt19937 random(1);
  std::size_t checked = 0;
  for (int round = 0; round < 400; ++round) {
    const Items items = random_items(random, round % 2 == 0);
    const std::uint64_t limit = random() % 900;
    const double least = brute_force(items, limit);
    if (least == std::numeric_limits<double>::infinity()) {
      EXPECT_THROW(allocate(items, limit), Error);
      continue;
    }
    const Allocation found = allocate(items, limit);
    std::uint64_t bytes = 0;
    double loss = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      bytes += items[i].at(found.choices[i]).bytes;
      loss += items[i].at(found.choices[i]).loss;
    }
    EXPECT_EQ(found.bytes, bytes);
    EXPECT_LE(bytes, limit);
    EXPECT_NEAR(loss, least, 1e-9);
    EXPECT_NEAR(found.loss, least, 1e-9);
    ++checked;
  }
  EXPECT_GT(checked, 150U);
}

TEST(Allocation, GivesAllTheBestWhenThereIsRoomAndIsNeverWorseThanTheSameForAll) {
  const Items items = {{{30, 9.0}, {40, 3.0}, {80, 0.1}}, {{30, 1.0}, {40, 0.3}, {80, 0.0}}};
  EXPECT_EQ(allocate(items, 160).choices, (std::vector<std::size_t>{2, 2}));
  EXPECT_EQ(allocate(items, 110).choices, (std::vector<std::size_t>{2, 0}));
  EXPECT_LE(allocate(items, 80).loss, 3.3);
}

TEST(Allocation, SaysWhatTheLeastIsWhenNothingFits) {
  try {
    allocate({{{30, 1.0}}, {{12, 1.0}}}, 41);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "/bits_per_weight");
    EXPECT_NE(error.message.find("42"), std::string::npos);
  }
}

}  // namespace
}  // namespace presswork::modelkit
