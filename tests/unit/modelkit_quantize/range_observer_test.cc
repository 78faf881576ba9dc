#include "plugins/modelkit/quantize/range_observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dense.h"

namespace presswork::modelkit {
namespace {

using Kind = RangeObserver::Kind;

class Observer : public ::testing::Test {
 protected:
  Observer() : values_(dense::random_floats(50'000, 7)) {
    for (std::size_t i = 0; i < 20; ++i) values_[i * 1000] = 9.0F + 0.1F * static_cast<float>(i);  // outliers
    const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
    low_ = *low;
    high_ = *high;
  }

  Int8Grid grid(const RangeObserver& observer, bool symmetric) const {
    ValueHistogram histogram(low_, high_);
    histogram.add(values_.data(), 10'000);
    histogram.add(values_.data() + 10'000, values_.size() - 10'000);
    return histogram.grid(observer, symmetric);
  }

  double squared_error(const Int8Grid& grid) const {
    std::vector<std::int8_t> q(values_.size());
    to_int8(grid, values_.data(), values_.size(), q.data());
    double sum = 0;
    for (std::size_t i = 0; i < q.size(); ++i)
      sum += std::pow(static_cast<double>(values_[i]) - grid.value(q[i]), 2);
    return sum;
  }

  std::vector<float> values_;
  float low_ = 0, high_ = 0;
};

TEST_F(Observer, MinMaxTakesTheWholeRange) {
  EXPECT_FLOAT_EQ(grid({.kind = Kind::MinMax}, true).scale, high_ / 127.0F);
  EXPECT_FLOAT_EQ(grid({.kind = Kind::MinMax}, false).scale, (high_ - low_) / 255.0F);
}

TEST_F(Observer, PercentileLeavesOutThatManyAtEitherEnd) {
  std::vector<float> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double low = sorted[50], high = sorted[sorted.size() - 51];  // a thousandth of 50 000
  const Int8Grid found = grid({.kind = Kind::Percentile, .percentile = 99.9}, false);
  EXPECT_NEAR(found.scale * 255.0, high - low, 0.03);
  EXPECT_NEAR(grid({.kind = Kind::Percentile, .percentile = 99.9}, true).scale * 127.0, std::max(-low, high),
              0.02);
  EXPECT_FLOAT_EQ(grid({.kind = Kind::Percentile, .percentile = 100}, false).scale, (high_ - low_) / 255.0F);
}

TEST_F(Observer, MseFindsTheShrunkRangeWithTheLeastError) {
  for (const bool symmetric : {true, false}) {
    double least = squared_error(int8_grid(low_, high_, symmetric));
    for (int percent = 20; percent < 100; ++percent) {
      const float part = static_cast<float>(percent) / 100.0F;
      least = std::min(least, squared_error(int8_grid(low_ * part, high_ * part, symmetric)));
    }
    const double found = squared_error(grid({.kind = Kind::Mse}, symmetric));
    EXPECT_LE(found, 1.01 * least);
    EXPECT_LT(found, squared_error(int8_grid(low_, high_, symmetric)));
  }
}

}  // namespace
}  // namespace presswork::modelkit
