#include "plugins/modelkit/evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace presswork::modelkit {
namespace {

TEST(WindowedMean, TakesWindowsAsTheIndependentDraws) {
  WindowedMean mean;
  mean.add(std::vector<double>{1.0, 3.0});
  mean.add(std::vector<double>{5.0, 5.0});
  mean.add(std::vector<double>{0.0, 4.0});
  EXPECT_EQ(mean.count(), 6U);
  EXPECT_DOUBLE_EQ(mean.mean().value, 3.0);
  // The windows' means 2, 5, 2 have the variance 3.
  EXPECT_DOUBLE_EQ(mean.mean().standard_error, std::sqrt(3.0 / 3.0));
}

TEST(WindowedMean, FallsBackToTokensInASingleWindow) {
  WindowedMean mean;
  mean.add(std::vector<double>{1.0, 2.0, 3.0, 6.0});
  EXPECT_DOUBLE_EQ(mean.mean().standard_error, std::sqrt(14.0 / 3.0 / 4.0));
  WindowedMean one;
  one.add(std::vector<double>{7.0});
  EXPECT_EQ(one.mean().standard_error, 0.0);
}

TEST(Percentile, InterpolatesLikeNumpy) {
  std::vector<double> values{4.0, 1.0, 3.0, 2.0, 10.0};
  EXPECT_DOUBLE_EQ(percentile(values, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(percentile(values, 0.9), 7.6);  // numpy.percentile([4, 1, 3, 2, 10], 90)
  EXPECT_DOUBLE_EQ(percentile(values, 1.0), 10.0);
  EXPECT_DOUBLE_EQ(percentile(values, 0.0), 1.0);
}

}  // namespace
}  // namespace presswork::modelkit
