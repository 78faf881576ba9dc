#include "orchestrator/report/estimate.h"

#include <gtest/gtest.h>

namespace presswork::report {
namespace {

using std::chrono::milliseconds;

Estimate::Time at(int ms) { return Estimate::Time(milliseconds(1'000'000 + ms)); }

TEST(Estimate, GivesRateAndTimeLeftFromWhatWasDone) {
  Estimate estimate;
  estimate.update(0, 100, "layers", at(0));
  EXPECT_FALSE(estimate.rate());
  estimate.update(20, 100, "layers", at(4000));
  EXPECT_DOUBLE_EQ(*estimate.rate(), 5);
  EXPECT_EQ(*estimate.left(at(4000)), milliseconds(16000));
  EXPECT_EQ(*estimate.left(at(6000)), milliseconds(14000)) << "time passes between reports";
  EXPECT_EQ(*estimate.left(at(60000)), milliseconds(0)) << "and never falls below nothing";
}

TEST(Estimate, CountsOnlyWhatWasDoneSinceItBegan) {
  Estimate estimate;
  estimate.update(80, 100, "layers", at(0));  // resumed from its scratch
  estimate.update(90, 100, "layers", at(10000));
  EXPECT_DOUBLE_EQ(*estimate.rate(), 1);
}

TEST(Estimate, IsSilentInTheFirstSecond) {
  Estimate estimate;
  estimate.update(0, 10, "", at(0));
  estimate.update(5, 10, "", at(500));
  EXPECT_FALSE(estimate.left(at(500)));
}

TEST(Estimate, StartsOverWithAnotherPartOfTheWork) {
  Estimate estimate;
  estimate.update(0, 10, "layers", at(0));
  estimate.update(10, 10, "layers", at(5000));
  estimate.update(100, 1000, "tokens", at(5000));
  EXPECT_FALSE(estimate.rate());
  EXPECT_DOUBLE_EQ(estimate.fraction(), 0.1);
}

TEST(Estimate, KnowsNoFractionWithoutATotal) {
  Estimate estimate;
  estimate.update(5, 0, "tokens", at(0));
  EXPECT_FALSE(estimate.known());
  EXPECT_DOUBLE_EQ(estimate.fraction(), 0);
}

}  // namespace
}  // namespace presswork::report
