#include "plugins/modelkit/compute/cpu/rounding_kernels.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

namespace presswork::modelkit {
namespace {

// Runs `body` for each instruction set that this machine has and the kernels are made for.
void on_each_target(const std::function<void()>& body) {
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
    hwy::SetSupportedTargetsForTest(0);
  }
  hwy::GetChosenTarget().DeInit();
}

// Sum of terms in the order that the header promises.
double eight_sums(const std::vector<double>& terms) {
  double sums[8] = {};
  for (std::size_t i = 0; i < terms.size(); ++i) sums[i % 8] += terms[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// What vectors and scalars are likeliest to disagree on, and ordinary values between.
std::vector<float> awkward_weights(std::size_t n, float scale, unsigned seed) {
  const float least = std::numeric_limits<float>::denorm_min();
  const std::vector<float> special = {0.5F * scale,
                                      -0.5F * scale,
                                      1.5F * scale,
                                      -2.5F * scale,
                                      3.5F * scale,
                                      -7.5F * scale,
                                      -8.5F * scale,
                                      0.0F,
                                      -0.0F,
                                      least,
                                      -least,
                                      1e-40F,
                                      1e30F,
                                      -1e30F,
                                      127.5F * scale,
                                      -128.5F * scale,
                                      std::nextafter(0.5F * scale, 1.0F),
                                      7.49F * scale};
  std::mt19937 generator(seed);
  std::vector<float> w(n);
  for (float& value : w) {
    const auto drawn = generator();
    value = drawn % 3 == 0 ? special[drawn / 3 % special.size()]
                           : (static_cast<float>(drawn % 100000) / 5000.0F - 10.0F) * scale;
  }
  return w;
}

const std::vector<std::size_t> kLengths = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 128, 1000};

TEST(RoundRow, IsTheDefinitionOnEveryInstructionSet) {
  const std::vector<GroupGrid> grids = {{0.25F, 0, -8, 7},       {0.25F, -3, -8, 7}, {1e-3F, 7, -8, 7},
                                        {0.1F, -128, -128, 127}, {0.3F, 0, -2, 1},   {2e-38F, 1, -4, 3}};
  on_each_target([&] {
    for (const GroupGrid& grid : grids) {
      for (const std::size_t n : kLengths) {
        const std::vector<float> w = awkward_weights(n, grid.scale, static_cast<unsigned>(n));
        std::vector<std::int8_t> q(n + 8, 99);
        const double error = round_row(q.data(), w.data(), n, grid);
        std::vector<double> terms;
        for (std::size_t i = 0; i < n; ++i) {
          const double level = std::clamp(std::nearbyint(static_cast<double>(w[i] / grid.scale)) + grid.zero,
                                          static_cast<double>(grid.low), static_cast<double>(grid.high));
          ASSERT_EQ(static_cast<double>(q[i]), level) << w[i] << " at " << i << " of " << n;
          const float value = static_cast<float>(level - grid.zero) * grid.scale;
          const double difference = static_cast<double>(w[i]) - value;
          terms.push_back(difference * difference);
        }
        ASSERT_EQ(error, eight_sums(terms)) << n;
        for (std::size_t i = n; i < q.size(); ++i) ASSERT_EQ(q[i], 99) << "written behind the end of " << n;
        std::vector<std::int8_t> levels(n + 8, 99);
        levels_row(levels.data(), w.data(), n, grid);
        ASSERT_EQ(levels, q) << n;
      }
    }
  });
}

TEST(SquaresRow, IsTheDefinitionAndTellsWhatIsNotFinite) {
  on_each_target([] {
    for (const std::size_t n : kLengths) {
      std::vector<float> x = awkward_weights(n, 0.1F, 3);
      std::vector<double> terms;
      for (const float value : x) terms.push_back(static_cast<double>(value) * value);
      EXPECT_EQ(squares_row(x.data(), n), eight_sums(terms)) << n;
      for (const float bad : {INFINITY, -INFINITY, NAN}) {
        x[n / 2] = bad;
        EXPECT_FALSE(std::isfinite(squares_row(x.data(), n))) << n;
      }
    }
    const std::vector<float> largest(1000, std::numeric_limits<float>::max());
    EXPECT_TRUE(std::isfinite(squares_row(largest.data(), largest.size())));
  });
}

TEST(RangeRow, FindsTheEndsWhereverTheyAre) {
  on_each_target([] {
    for (const std::size_t n : kLengths) {
      for (std::size_t place = 0; place < n; ++place) {
        std::vector<float> x(n, 0.5F);
        x[place] = place % 2 == 0 ? 2.0F : -2.0F;
        float low = 0, high = 0;
        range_row(x.data(), n, low, high);
        EXPECT_EQ(low, *std::min_element(x.begin(), x.end())) << place << " of " << n;
        EXPECT_EQ(high, *std::max_element(x.begin(), x.end())) << place << " of " << n;
      }
    }
  });
}

TEST(CountClippedRow, CountsWhatLiesMoreThanHalfAStepBeyondAnEnd) {
  const GroupGrid grid{0.25F, -1, -4, 3};  // values from -0.75 to 1
  on_each_target([&] {
    for (const std::size_t n : kLengths) {
      std::vector<float> w(n, 0.5F);
      std::vector<std::int8_t> q(n, 1);
      std::size_t expected = 0;
      // Just at half a step, just beyond it, and far off but not at an end.
      const std::vector<std::pair<float, std::int8_t>> cases = {{1.125F, 3},  {1.13F, 3}, {-0.875F, -4},
                                                                {-0.88F, -4}, {9.0F, 2},  {-9.0F, -3}};
      for (std::size_t i = 0; i < n; ++i) {
        std::tie(w[i], q[i]) = cases[i * 5 % cases.size()];
        expected += i * 5 % cases.size() == 1 || i * 5 % cases.size() == 3 ? 1 : 0;
      }
      EXPECT_EQ(count_clipped_row(q.data(), w.data(), n, grid), expected) << n;
    }
  });
}

}  // namespace
}  // namespace presswork::modelkit
