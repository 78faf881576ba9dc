#include "plugins/modelkit/train/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/modelkit/train/schedule.h"

namespace presswork::modelkit {
namespace {

std::vector<std::size_t> epoch_of(const Batches& batches, std::int64_t epoch) {
  std::vector<std::size_t> all;
  const std::int64_t steps = batches.steps() / batches.epochs;
  for (std::int64_t step = epoch * steps; step < (epoch + 1) * steps; ++step) {
    const auto batch = batches.at(step);
    EXPECT_LE(batch.size(), batches.size);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  return all;
}

TEST(Batches, EachEpochTakesEachWindowOnceInAnOrderOfItsOwn) {
  const Batches batches{.windows = 10, .size = 4, .epochs = 2, .seed = 3};
  EXPECT_EQ(batches.steps(), 6);
  const auto first = epoch_of(batches, 0), second = epoch_of(batches, 1);
  EXPECT_THAT(first, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(second, testing::UnorderedElementsAreArray(first));
  EXPECT_NE(first, second);
  EXPECT_EQ(batches.at(2).size(), 2U);
}

TEST(Batches, TheOrderFollowsFromTheSeed) {
  Batches batches{.windows = 20, .size = 20, .epochs = 2, .seed = 3};
  const auto order = batches.at(0), next = batches.at(1);
  EXPECT_EQ(batches.at(0), order);
  batches.seed = 4;
  EXPECT_NE(batches.at(0), order);
  EXPECT_NE(batches.at(0), next);  // neighbouring seeds do not share orders
}

TEST(Schedule, RisesLinearlyThenFallsByHalfACosine) {
  const Schedule schedule{.steps = 12, .warmup = 4};
  EXPECT_DOUBLE_EQ(schedule.factor(0), 0.25);
  EXPECT_DOUBLE_EQ(schedule.factor(3), 1.0);
  EXPECT_DOUBLE_EQ(schedule.factor(4), 1.0);
  EXPECT_NEAR(schedule.factor(8), 0.5, 1e-12);
  EXPECT_NEAR(schedule.factor(11), 0.0380602337, 1e-9);  // (1 + cos(7 pi / 8)) / 2
}

TEST(Schedule, CanRiseAllTheWay) {
  const Schedule schedule{.steps = 2, .warmup = 2};
  EXPECT_DOUBLE_EQ(schedule.factor(1), 1.0);
}

}  // namespace
}  // namespace presswork::modelkit
