#include "plugins/modelkit/analyze/weight_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;

TEST(WeightStatisticsTest, AreTheMomentsOfAFewNumbers) {
  ThreadPool threads(2);
  const WeightStatistics s = weight_statistics(float_weight(2, 3, {1, 2, 3, 4, 5, 9}), "m", threads);
  EXPECT_EQ(s.count, 6);
  EXPECT_DOUBLE_EQ(s.minimum, 1);
  EXPECT_DOUBLE_EQ(s.maximum, 9);
  EXPECT_DOUBLE_EQ(s.mean, 4);
  // Deviations -3 -2 -1 0 1 5: squares add up to 40, fourth powers to 81 + 16 + 1 + 0 + 1 + 625 = 724.
  EXPECT_DOUBLE_EQ(s.deviation, std::sqrt(40.0 / 6));
  EXPECT_DOUBLE_EQ(s.kurtosis, (724.0 / 6) / std::pow(40.0 / 6, 2));
  EXPECT_EQ(s.histogram.front(), 1);
  EXPECT_EQ(s.histogram.back(), 1);
  EXPECT_EQ(std::accumulate(s.histogram.begin(), s.histogram.end(), std::int64_t{0}), 6);
}

TEST(WeightStatisticsTest, KurtosisTellsAUniformDistributionFromANormalOne) {
  Random random(1);
  std::vector<float> uniform(256 * 256), normal(256 * 256);
  for (float& value : uniform) value = static_cast<float>(random.uniform());
  for (float& value : normal) {
    value = static_cast<float>(std::sqrt(-2 * std::log(1 - random.uniform())) *
                               std::cos(2 * M_PI * random.uniform()));
  }
  ThreadPool threads(1);
  EXPECT_NEAR(weight_statistics(float_weight(256, 256, uniform), "m", threads).kurtosis, 1.8, 0.02);
  EXPECT_NEAR(weight_statistics(float_weight(256, 256, normal), "m", threads).kurtosis, 3.0, 0.1);
}

TEST(WeightStatisticsTest, FindsOutlierColumnsAndWhatIsDead) {
  std::vector<float> values(8 * 8, 1.0F);
  for (std::size_t row = 0; row < 8; ++row) {
    values[row * 8 + 2] = -7;  // a column seven times as large
    values[row * 8 + 5] = 0;
  }
  std::fill(values.begin() + 3 * 8, values.begin() + 4 * 8, 0.0F);
  ThreadPool threads(2);
  const WeightStatistics s = weight_statistics(float_weight(8, 8, values), "m", threads);
  EXPECT_THAT(s.outlier_columns, ElementsAre(2));
  EXPECT_EQ(s.dead_rows, 1);
  EXPECT_EQ(s.dead_columns, 1);
  EXPECT_EQ(s.zeros, 8 + 8 - 1);
}

TEST(WeightStatisticsTest, DoNotDependOnTheNumberOfThreads) {
  Random random(3);
  std::vector<float> values(300 * 70);
  for (float& value : values) value = static_cast<float>(random.uniform() - 0.5);
  ThreadPool one(1), three(3);
  const auto a = weight_statistics(float_weight(300, 70, values), "m", one),
             b = weight_statistics(float_weight(300, 70, values), "m", three);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.kurtosis, b.kurtosis);
  EXPECT_EQ(a.histogram, b.histogram);
}

TEST(WeightStatisticsTest, NameThePlaceOfNan) {
  ThreadPool threads(1);
  try {
    weight_statistics(float_weight(1, 3, {1, std::nanf(""), 2}), "layer.linear", threads);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "layer.linear.weight");
    EXPECT_EQ(error.message, "has NaN or infinity at row 0, column 1");
  }
}

}  // namespace
}  // namespace presswork::modelkit
