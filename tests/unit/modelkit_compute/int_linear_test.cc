// Linears whose weights are integers, against exact arithmetic on the same integers, and the kernels'
// variants against each other.
#include "plugins/modelkit/compute/cpu/int_linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/compute/cpu/int_kernel.h"
#include "plugins/modelkit/formats/dtype.h"
#include "unit/modelkit_compute/device_values.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

double half(double value) { return rounded_through(DType::F16, static_cast<float>(value)); }

// The weight as Q8_0 or Q4_0 keep it (ggml's quantize_row_q8_0_ref, quantize_row_q4_0_ref).
Values as_blocks(const Values& weight, int bits) {
  Values kept(weight.rows, weight.cols);
  for (std::size_t r = 0; r < weight.rows; ++r) {
    for (std::size_t first = 0; first < weight.cols; first += 32) {
      const std::size_t last = std::min(weight.cols, first + 32);
      double largest = 0.0;
      for (std::size_t c = first; c < last; ++c) {
        if (std::abs(weight(r, c)) > std::abs(largest)) largest = weight(r, c);
      }
      const auto scale = static_cast<float>(bits == 8 ? std::abs(static_cast<float>(largest)) / 127.0F
                                                      : static_cast<float>(largest) / -8.0F);
      for (std::size_t c = first; c < last; ++c) {
        const float x = static_cast<float>(weight(r, c)) * (scale != 0.0F ? 1.0F / scale : 0.0F);
        const int q =
            bits == 8 ? static_cast<int>(std::round(x)) : std::min(15, static_cast<int>(x + 8.5F)) - 8;
        kept(r, c) = q * half(scale);
      }
    }
  }
  return kept;
}

// Activations as the kernels see them.
Values as_activations(const Values& x) {
  Values kept(x.rows, x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t first = 0; first < x.cols; first += 32) {
      const std::size_t last = std::min(x.cols, first + 32);
      float most = 0.0F;
      for (std::size_t c = first; c < last; ++c) most = std::max(most, std::abs(static_cast<float>(x(r, c))));
      for (std::size_t c = first; c < last; ++c) {
        const float q = std::nearbyint(static_cast<float>(x(r, c)) * (most > 0.0F ? 127.0F / most : 0.0F));
        kept(r, c) = static_cast<double>(q) * static_cast<double>(most / 127.0F);
      }
    }
  }
  return kept;
}

class IntLinear : public testing::TestWithParam<int> {
 protected:
  WeightForm form() const { return GetParam() == 8 ? WeightForm::Int8 : WeightForm::Int4; }
};

TEST_P(IntLinear, MultipliesTheBlocksOfGgmlWithActivationsOfEightBits) {
  unsigned seed = 1;
  for (const auto& [rows, out, in] : {std::array<std::size_t, 3>{1, 16, 32},
                                      {1, 100, 96},
                                      {7, 33, 64},
                                      {200, 50, 160},
                                      {3, 17, 50},
                                      {2, 1, 1}}) {
    const auto compute = make_cpu_compute(2, form());
    const Values x = reference::random(rows, in, seed++, 2.0), weight = reference::random(out, in, seed++);
    const auto got = product(*compute, x, *compute->pack(source_of(weight)));
    const Values expected = reference::linear(as_activations(x), as_blocks(weight, GetParam()), {});
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], expected.at[i], 2e-5 * std::sqrt(static_cast<double>(in)) + 1e-5)
          << rows << " x " << out << " x " << in << " at " << i;
    }
  }
}

TEST_P(IntLinear, StaysNearTheFloat32Product) {
  const auto compute = make_cpu_compute(1, form());
  const Values x = reference::random(20, 1024, 5), weight = reference::random(64, 1024, 6);
  const auto got = product(*compute, x, *compute->pack(source_of(weight)));
  const Values exact = reference::linear(x, weight, {});
  double error = 0.0, size = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - exact.at[i]) * (got[i] - exact.at[i]);
    size += exact.at[i] * exact.at[i];
  }
  EXPECT_LT(std::sqrt(error / size), GetParam() == 8 ? 0.01 : 0.11);
}

TEST_P(IntLinear, GivesTheSameBitsForAnyThreadsAndForARowAlone) {
  const Values x = reference::random(150, 320, 1), weight = reference::random(300, 320, 2);
  const auto one = make_cpu_compute(1, form());
  const auto expected = product(*one, x, *one->pack(source_of(weight)));
  for (const unsigned threads : {2U, 3U, 5U}) {
    const auto compute = make_cpu_compute(threads, form());
    EXPECT_TRUE(product(*compute, x, *compute->pack(source_of(weight))) == expected) << threads;
  }
  Values last(1, 320);
  std::copy_n(x.at.begin() + 149 * 320, 320, last.at.begin());
  const auto alone = product(*one, last, *one->pack(source_of(weight)));
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), expected.begin() + 149 * 300));
}

TEST_P(IntLinear, AddsBiasAndAccumulates) {
  const auto compute = make_cpu_compute(2, form());
  const Values x = reference::random(3, 64, 1), weight = reference::random(20, 64, 2);
  const auto plain = product(*compute, x, *compute->pack(source_of(weight)));
  std::vector<float> bias(20);
  for (std::size_t i = 0; i < 20; ++i) bias[i] = static_cast<float>(i) - 7.0F;
  LinearSource source = source_of(weight);
  source.bias = bias;
  const auto packed = compute->pack(source);
  const Matrix out = compute->allocate(3, 20), input = on_device(*compute, x);
  compute->write(out, std::vector<float>(60, 100.0F));
  compute->linear(out, input, *packed, true);
  std::vector<float> got(60);
  compute->read(out, got);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(got[i], plain[i] + bias[i % 20] + 100.0F, 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Bits, IntLinear, testing::Values(4, 8));

struct Grid {
  int bits;
  std::size_t group;
  bool zeros;
};

class StoredIntegers : public testing::TestWithParam<Grid> {};

TEST_P(StoredIntegers, AreMultipliedAsTheyAreAndAllKernelsGiveTheSameBits) {
  constexpr std::size_t kOut = 53, kIn = 256, kRows = 9;
  const Grid grid = GetParam();
  const std::size_t group = grid.group == 0 ? kIn : grid.group, groups = kIn / group;
  std::mt19937 generator(3);
  const int half_range = 1 << (grid.bits - 1);
  std::vector<std::int8_t> q(kOut * kIn), zeros(kOut * groups);
  std::vector<float> scales(kOut * groups);
  for (auto& value : q) {
    value = static_cast<std::int8_t>(static_cast<int>(generator() % (2U * half_range)) - half_range);
  }
  for (auto& value : zeros) value = static_cast<std::int8_t>(static_cast<int>(generator() % 7) - 3);
  for (auto& value : scales) value = 0.001F * static_cast<float>(1 + generator() % 1000);
  Values weight(kOut, kIn);
  for (std::size_t r = 0; r < kOut; ++r) {
    for (std::size_t c = 0; c < kIn; ++c) {
      const std::size_t at = r * groups + c / group;
      weight(r, c) = (q[r * kIn + c] - (grid.zeros ? zeros[at] : 0)) * static_cast<double>(scales[at]);
    }
  }
  LinearSource source = source_of(weight);
  source.integers = GroupedIntegers{.bits = grid.bits,
                                    .group_size = grid.group,
                                    .q = q.data(),
                                    .scales = scales.data(),
                                    .zeros = grid.zeros ? zeros.data() : nullptr};
  ASSERT_TRUE(CpuIntLinear::fits(source));
  const auto compute = make_cpu_compute(2, WeightForm::Stored);
  const Values x = reference::random(kRows, kIn, 8);
  const auto got = product(*compute, x, *compute->pack(source));
  const Values expected = reference::linear(as_activations(x), weight, {});
  double largest = 0.0;
  for (const double value : expected.at) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected.at[i], 2e-6 * largest);
}

INSTANTIATE_TEST_SUITE_P(Grids, StoredIntegers,
                         testing::Values(Grid{4, 128, false}, Grid{4, 32, true}, Grid{4, 0, true},
                                         Grid{8, 0, false}, Grid{8, 64, true}, Grid{3, 128, true}));

// Random panels, multiplied by the portable kernel and by the one that this machine prefers.
TEST(IntKernels, GiveTheSameBitsInEveryVariant) {
  constexpr std::size_t kBlocks = 6, kPanels = 3, kRows = 8, kOutputs = 16 * kPanels - 5;
  std::mt19937 generator(5);
  for (const int bits : {4, 8}) {
    for (const bool with_zeros : {false, true}) {
      IntPanels panels;
      panels.bits = bits;
      panels.blocks = kBlocks;
      panels.blocks_per_group = 2;
      std::vector<std::uint8_t> weights(kPanels * panels.panel_bytes());
      for (auto& byte : weights) byte = static_cast<std::uint8_t>(generator());
      std::vector<float> scales(kPanels * panels.groups() * 16);
      for (auto& scale : scales) scale = static_cast<float>(generator() % 100) * 0.01F;
      std::vector<std::int8_t> zeros(scales.size());
      for (auto& zero : zeros) zero = static_cast<std::int8_t>(generator() % 16);
      panels.weights = weights.data();
      panels.scales = scales.data();
      panels.zeros = with_zeros ? zeros.data() : nullptr;
      std::vector<std::int8_t> q(kRows * kBlocks * 32);
      std::vector<float> x_scales(kRows * kBlocks);
      std::vector<std::int32_t> sums(kRows * kBlocks);
      const Values x = reference::random(kRows, kBlocks * 32, 4);
      for (std::size_t r = 0; r < kRows; ++r) {
        const auto row = x.floats();
        quantize_row(row.data() + r * kBlocks * 32, kBlocks * 32, q.data() + r * kBlocks * 32,
                     x_scales.data() + r * kBlocks, sums.data() + r * kBlocks);
      }
      const QuantizedRows rows{kRows, kBlocks, q.data(), x_scales.data(), sums.data()};
      std::vector<float> preferred(kRows * kOutputs, 1.0F), portable = preferred;
      int_product({&panels, &rows, preferred.data(), kOutputs, kOutputs, true}, 0, kPanels);
      int_product_portable({&panels, &rows, portable.data(), kOutputs, kOutputs, true}, 0, kPanels);
      EXPECT_EQ(preferred, portable) << bits << " bits, zeros " << with_zeros;
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
