// Linears whose inputs become 8-bit integers, against the same rounding written out in float64.
#include "plugins/modelkit/compute/int8_inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "unit/modelkit_compute/device_values.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

TEST(Int8Grids, HaveTheScalesOfTheirRanges) {
  EXPECT_FLOAT_EQ(int8_grid(-2.0F, 5.08F, true).scale, 0.04F);
  EXPECT_EQ(int8_grid(-2.0F, 5.08F, true).zero, 0);
  const Int8Grid lopsided = int8_grid(-1.0F, 4.1F, false);
  EXPECT_FLOAT_EQ(lopsided.scale, 0.02F);
  EXPECT_EQ(lopsided.zero, -78);                           // -128 + 50
  const Int8Grid positive = int8_grid(1.0F, 5.1F, false);  // widened to hold 0
  EXPECT_FLOAT_EQ(positive.scale, 0.02F);
  EXPECT_EQ(positive.zero, -128);
  EXPECT_EQ(int8_grid(0.0F, 0.0F, true).scale, 1.0F);
}

TEST(Int8Grids, RoundTiesToEvenAndKeepWithinEightBits) {
  const std::vector<float> x = {0.5F, 1.5F, -0.5F, -2.5F, 126.6F, 127.5F, 1e30F, -128.6F, -1e30F};
  std::vector<std::int8_t> q(x.size());
  to_int8({1.0F, 0}, x.data(), x.size(), q.data());
  EXPECT_EQ(q, (std::vector<std::int8_t>{0, 2, 0, -2, 127, 127, 127, -128, -128}));
  to_int8({1.0F, 100}, x.data(), x.size(), q.data());
  EXPECT_EQ(q, (std::vector<std::int8_t>{100, 102, 100, 98, 127, 127, 127, -29, -128}));
}

struct Case {
  bool dynamic, symmetric;
};

// x as the linear sees it; scales by their definition, levels as float32 divides.
Values rounded(const Values& x, const Int8Inputs& inputs) {
  Values kept(x.rows, x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    double low = 0, high = 0;
    for (std::size_t c = 0; c < x.cols; ++c) {
      low = std::min(low, x(r, c));
      high = std::max(high, x(r, c));
    }
    auto scale = static_cast<float>(inputs.symmetric ? std::max(-low, high) / 127.0 : (high - low) / 255.0);
    double zero = inputs.symmetric ? 0 : std::clamp(std::nearbyint(-128 - low / scale), -128.0, 127.0);
    if (!inputs.dynamic) {
      scale = inputs.grid.scale;
      zero = inputs.grid.zero;
    }
    for (std::size_t c = 0; c < x.cols; ++c) {
      const double level = std::nearbyint(static_cast<float>(x(r, c)) / scale) + zero;
      kept(r, c) = (std::clamp(level, -128.0, 127.0) - zero) * static_cast<double>(scale);
    }
  }
  return kept;
}

class Int8InputLinear : public testing::TestWithParam<Case> {
 protected:
  Int8Inputs inputs() const {
    return {.dynamic = GetParam().dynamic,
            .symmetric = GetParam().symmetric,
            .grid = GetParam().symmetric ? Int8Grid{0.02F, 0} : Int8Grid{0.025F, -17}};
  }
  static Values lopsided(std::size_t rows, std::size_t in, unsigned seed) {
    Values x = reference::random(rows, in, seed);
    for (double& value : x.at) value = static_cast<float>(value + 0.7);
    return x;
  }
  static void expect_close(const std::vector<float>& got, const Values& expected, const std::string& what) {
    double largest = 0.0;
    for (const double value : expected.at) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected.at[i], 3e-6 * largest) << what;
  }
};

TEST_P(Int8InputLinear, MultipliesRoundedInputsWithIntegerWeights) {
  std::mt19937 generator(3);
  for (const auto& [bits, group, in] :
       {std::tuple<int, std::size_t, std::size_t>{8, 0, 256}, {4, 64, 256}, {8, 0, 50}}) {
    constexpr std::size_t kOut = 53;
    const std::size_t groups = group == 0 ? 1 : in / group, half = std::size_t{1} << (bits - 1);
    std::vector<std::int8_t> q(kOut * in);
    std::vector<float> scales(kOut * groups), bias(kOut);
    for (auto& value : q)
      value = static_cast<std::int8_t>(static_cast<int>(generator() % (2 * half)) - static_cast<int>(half));
    for (auto& value : scales) value = 0.001F * static_cast<float>(1 + generator() % 1000);
    for (auto& value : bias) value = static_cast<float>(generator() % 100);
    Values weight(kOut, in);
    for (std::size_t i = 0; i < q.size(); ++i)
      weight.at[i] = q[i] * static_cast<double>(scales[i / in * groups + (i % in) * groups / in]);
    LinearSource source = source_of(weight);
    source.integers = GroupedIntegers{
        .bits = bits, .group_size = group, .q = q.data(), .scales = scales.data(), .zeros = nullptr};
    source.bias = bias;
    source.inputs = inputs();
    for (const std::size_t rows : {1, 7, 130}) {
      const Values x = lopsided(rows, in, static_cast<unsigned>(rows));
      const Values expected = reference::linear(rounded(x, inputs()), weight, bias);
      const auto compute = make_cpu_compute(2);
      const auto got = product(*compute, x, *compute->pack(source));
      expect_close(got, expected, std::to_string(rows) + " x " + std::to_string(in));
      for (const unsigned threads : {1U, 3U}) {
        const auto other = make_cpu_compute(threads);
        EXPECT_TRUE(product(*other, x, *other->pack(source)) == got) << threads;
      }
    }
  }
}

TEST_P(Int8InputLinear, MultipliesRoundedInputsWithOtherWeights) {
  const Values x = lopsided(20, 96, 1), weight = reference::random(30, 96, 2);
  LinearSource source = source_of(weight);
  source.inputs = inputs();
  const auto compute = make_cpu_compute(2);
  expect_close(product(*compute, x, *compute->pack(source)),
               reference::linear(rounded(x, inputs()), weight, {}), "dense");
}

TEST_P(Int8InputLinear, ShowsInputsThatAreNotFinite) {
  Values x = lopsided(3, 64, 1);
  x(1, 5) = std::numeric_limits<double>::infinity();
  const Values weight = reference::random(4, 64, 2);
  const std::vector<std::int8_t> q(4 * 64, 3);
  const std::vector<float> scales(4, 0.1F);
  for (const bool integers : {false, true}) {
    LinearSource source = source_of(weight);
    if (integers) source.integers = GroupedIntegers{.q = q.data(), .scales = scales.data()};
    source.inputs = inputs();
    const auto compute = make_cpu_compute(1);
    const auto got = product(*compute, x, *compute->pack(source));
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i / 4 == 1) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Grids, Int8InputLinear,
                         testing::Values(Case{true, true}, Case{true, false}, Case{false, true},
                                         Case{false, false}),
                         [](const auto& grid) {
                           return std::string(grid.param.dynamic ? "Dynamic" : "Static") +
                                  (grid.param.symmetric ? "Symmetric" : "Asymmetric");
                         });

}  // namespace
}  // namespace presswork::modelkit
