// Any implementation of compute.h against plain loops in float64 (reference.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "plugins/modelkit/compute/compute.h"
#include "presswork/error.h"
#include "unit/modelkit_compute/device_values.h"
#include "unit/modelkit_compute/implementations.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

class Operations : public testing::TestWithParam<Implementation> {
 protected:
  Matrix on_device(const Values& values) { return modelkit::on_device(*compute_, values); }
  std::vector<float> from_device(const Matrix& matrix) { return modelkit::from_device(*compute_, matrix); }

  std::shared_ptr<const PackedLinear> packed(const Values& weight, const std::vector<float>& bias = {}) {
    LinearSource source{weight.rows, weight.cols, {}, bias};
    source.rows = [&](std::size_t first, std::size_t last, float* target) {
      for (std::size_t i = first * weight.cols; i < last * weight.cols; ++i) {
        *target++ = static_cast<float>(weight.at[i]);
      }
    };
    return compute_->pack(source);
  }

  void expect_near(const Matrix& got, const Values& expected, double tolerance) {
    modelkit::expect_near(*compute_, got, expected, tolerance);
  }

  std::unique_ptr<Compute> compute_ = GetParam().make();
};

TEST_P(Operations, LinearAgreesWithFloat64ForShapesThatFillNoTile) {
  unsigned seed = 1;
  for (const auto& [rows, out, in] :
       {std::array<std::size_t, 3>{1, 1, 1}, {3, 17, 64}, {128, 64, 96}, {145, 513, 33}, {300, 1030, 128}}) {
    const Values x = reference::random(rows, in, seed++), weight = reference::random(out, in, seed++);
    std::vector<float> bias(out);
    std::iota(bias.begin(), bias.end(), -5.0F);
    const Matrix got = compute_->allocate(rows, out);
    compute_->linear(got, on_device(x), *packed(weight, bias));
    expect_near(got, reference::linear(x, weight, bias), 1e-4);
  }
}

TEST_P(Operations, LinearAddsToTheOutputWhenAskedTo) {
  const Values x = reference::random(150, 48, 1), weight = reference::random(80, 48, 2);
  const Values before = reference::random(150, 80, 3);
  Values expected = reference::linear(x, weight, {});
  for (std::size_t i = 0; i < expected.at.size(); ++i) expected.at[i] += before.at[i];
  const Matrix out = on_device(before);
  compute_->linear(out, on_device(x), *packed(weight), true);
  expect_near(out, expected, 1e-4);
}

TEST_P(Operations, LinearReadsAndWritesViewsOfWiderMatrices) {
  const Values wide = reference::random(40, 100, 1), weight = reference::random(24, 32, 2);
  Values x(40, 32);
  for (std::size_t r = 0; r < 40; ++r) {
    for (std::size_t c = 0; c < 32; ++c) x(r, c) = wide(r, 50 + c);
  }
  const Matrix out = compute_->allocate(40, 60);
  compute_->linear(out.column_range(30, 24), on_device(wide).column_range(50, 32), *packed(weight));
  expect_near(out.column_range(30, 24), reference::linear(x, weight, {}), 1e-4);
}

TEST_P(Operations, ARowOfALinearDoesNotDependOnTheRowsAroundIt) {
  const Values x = reference::random(200, 384, 1), weight = reference::random(640, 384, 2);
  const auto linear = packed(weight);
  const Matrix input = on_device(x), all = compute_->allocate(200, 640), some = compute_->allocate(21, 640);
  compute_->linear(all, input, *linear);
  compute_->linear(some, input.row_range(100, 21), *linear);
  EXPECT_TRUE(from_device(some) == from_device(all.row_range(100, 21)));
}

TEST_P(Operations, RmsNormAgreesWithFloat64) {
  for (const std::size_t width : {1, 15, 64, 100, 384}) {
    const Values x = reference::random(70, width, 1, 3.0), weight = reference::random(1, width, 2);
    const Matrix out = compute_->allocate(70, width);
    compute_->rms_norm(out, on_device(x), on_device(weight), 1e-5F);
    expect_near(out, reference::rms_norm(x, weight, 1e-5), 5e-6);
  }
}

TEST_P(Operations, LayerNormAgreesWithFloat64EvenFarFromZero) {
  for (const std::size_t width : {1, 15, 64, 100, 384}) {
    Values x = reference::random(70, width, 1, 3.0);
    for (double& value : x.at) value = static_cast<float>(value + 1000.0);
    const Values weight = reference::random(1, width, 2), bias = reference::random(1, width, 3);
    const Matrix out = compute_->allocate(70, width);
    compute_->layer_norm(out, on_device(x), on_device(weight), on_device(bias), 1e-5F);
    expect_near(out, reference::layer_norm(x, weight, &bias, 1e-5), 2e-4);  // float32 at 1000: 6e-5
    compute_->layer_norm(out, on_device(x), on_device(weight), Matrix{}, 1e-5F);
    expect_near(out, reference::layer_norm(x, weight, nullptr, 1e-5), 2e-4);
  }
}

TEST_P(Operations, InterleavedRopeTurnsNeighbours) {
  const Values x = reference::random(3 * 7, 4 * 20, 1);
  Values cos(12, 6), sin(12, 6);
  for (std::size_t i = 0; i < cos.at.size(); ++i) {
    cos.at[i] = static_cast<float>(std::cos(static_cast<double>(i)));
    sin.at[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  }
  const Matrix got = on_device(x);
  compute_->rope_interleaved(got, on_device(cos), on_device(sin), 20, 7, 5);
  expect_near(got, reference::rope(x, cos, sin, 20, 7, 5, true), 1e-6);
}

TEST_P(Operations, RopeRotatesEachHeadByItsTokensPosition) {
  for (const auto& [head_dim, half] : {std::pair<std::size_t, std::size_t>{16, 8}, {20, 10}, {32, 8}}) {
    const Values x = reference::random(3 * 7, 4 * head_dim, 1);
    Values cos(12, half), sin(12, half);
    for (std::size_t p = 0; p < 12; ++p) {
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(p) / std::pow(100.0, static_cast<double>(i) / 8.0);
        cos(p, i) = static_cast<float>(std::cos(angle));
        sin(p, i) = static_cast<float>(std::sin(angle));
      }
    }
    const Matrix got = on_device(x);
    compute_->rope(got, on_device(cos), on_device(sin), head_dim, 7, 5);
    expect_near(got, reference::rope(x, cos, sin, head_dim, 7, 5), 1e-6);
  }
}

TEST_P(Operations, AttentionAgreesWithFloat64) {
  const std::vector<float> sinks{2.0F, -3.0F};
  const std::vector<AttentionShape> shapes{
      {2, 48, 48, 4, 4, 16, 0.25F, 0, 0.0F},    {3, 130, 130, 4, 2, 32, 0.2F, 0, 0.0F},
      {1, 300, 300, 6, 2, 64, 0.125F, 0, 0.0F}, {2, 300, 300, 2, 1, 20, 0.3F, 0, 0.0F},
      {2, 1, 77, 4, 2, 16, 0.25F, 0, 0.0F},     {1, 50, 200, 2, 2, 24, 0.25F, 0, 0.0F},
      {2, 290, 290, 2, 2, 16, 0.25F, 33, 0.0F}, {1, 150, 150, 2, 1, 16, 0.5F, 0, 2.0F},
      {1, 260, 260, 2, 1, 16, 0.5F, 1, 5.0F},   {2, 150, 150, 2, 1, 16, 0.5F, 40, 0.0F, sinks}};
  for (const auto& shape : shapes) {
    const Values q = reference::random(shape.sequences * shape.queries, shape.heads * shape.head_dim, 1);
    const Values k = reference::random(shape.sequences * shape.keys, shape.kv_heads * shape.head_dim, 2);
    const Values v = reference::random(k.rows, k.cols, 3);
    const Matrix out = compute_->allocate(q.rows, q.cols);
    compute_->attention(out, on_device(q), on_device(k), on_device(v), shape);
    expect_near(out, reference::attention(q, k, v, shape), 5e-6);
  }
}

// Few queries and many take different kernels.
TEST_P(Operations, AttentionWithSinksWindowsAndCapsIsTheSameForFewQueriesAndForMany) {
  constexpr std::size_t kSequences = 2, kKeys = 140, kHeads = 4, kKvHeads = 2, kDim = 20;
  const std::vector<float> sinks{2.0F, -3.0F, 6.5F, 0.0F};
  const Values k = reference::random(kSequences * kKeys, kKvHeads * kDim, 2);
  const Values v = reference::random(k.rows, k.cols, 3);
  for (const std::size_t window : {0, 1, 33, 200}) {
    for (const float cap : {0.0F, 1.5F}) {
      for (const bool sunk : {false, true}) {
        for (const std::size_t queries : {1, 2, 4, 5, 17, 140}) {
          AttentionShape shape{kSequences, queries, kKeys, kHeads, kKvHeads, kDim, 0.4F, window, cap};
          if (sunk) shape.sinks = sinks;
          const Values q = reference::random(kSequences * queries, kHeads * kDim, 1);
          const Matrix out = compute_->allocate(q.rows, q.cols);
          compute_->attention(out, on_device(q), on_device(k), on_device(v), shape);
          SCOPED_TRACE(testing::Message() << queries << " queries, window " << window << ", cap " << cap
                                          << (sunk ? ", sinks" : ""));
          expect_near(out, reference::attention(q, k, v, shape), 5e-6);
        }
      }
    }
  }
}

// A sink that outweighs every score, and one that weighs nothing beside scores in the hundreds.
TEST_P(Operations, AttentionWithASinkFarFromTheScoresNeitherOverflowsNorVanishes) {
  const Values k = reference::random(90, 16, 2, 8.0), v = reference::random(90, 16, 3);
  for (const std::size_t queries : {1, 90}) {
    const Values q = reference::random(queries, 32, 1, 8.0);
    const std::vector<float> sinks{600.0F, -600.0F};
    AttentionShape shape{1, queries, 90, 2, 1, 16, 0.5F};
    shape.sinks = sinks;
    const Matrix out = compute_->allocate(queries, 32);
    compute_->attention(out, on_device(q), on_device(k), on_device(v), shape);
    expect_near(out, reference::attention(q, k, v, shape), 2e-4);  // scores of hundreds in float32
  }
}

TEST_P(Operations, EveryActivationAgreesWithFloat64AloneAndAsAGate) {
  Values x = reference::random(33, 77, 1, 3.0);
  const Values up = reference::random(33, 77, 2);
  x.at[0] = 100.0;  // where sigmoids and tanh saturate
  x.at[1] = -100.0;
  for (const Activation f : {Activation::Silu, Activation::Gelu, Activation::GeluTanh, Activation::GeluQuick,
                             Activation::Relu, Activation::ReluSquared}) {
    Values alone = x, gated = x;
    for (std::size_t i = 0; i < x.at.size(); ++i) {
      alone.at[i] = reference::activation(x.at[i], f);
      gated.at[i] = alone.at[i] * up.at[i];
    }
    const Matrix a = on_device(x), b = on_device(x);
    compute_->activate(a, f);
    compute_->activate_multiply(b, on_device(up), f);
    const double tolerance = f == Activation::ReluSquared ? 1e-3 : 1e-5;  // 100^2 in float32
    expect_near(a, alone, tolerance);
    expect_near(b, gated, tolerance);
  }
}

TEST_P(Operations, ScaleSoftcapAndClampAreElementwise) {
  const Values x = reference::random(19, 55, 1, 4.0);
  Values scaled = x, capped = x, clamped = x;
  for (std::size_t i = 0; i < x.at.size(); ++i) {
    scaled.at[i] = x.at[i] * 0.25;
    capped.at[i] = 3.0 * std::tanh(x.at[i] / 3.0);
    clamped.at[i] = std::min(std::max(x.at[i], -2.0), 2.0);
  }
  const Matrix a = on_device(x), b = on_device(x), c = on_device(x);
  compute_->scale(a, 0.25F);
  compute_->softcap(b, 3.0F);
  compute_->clamp(c, 2.0F);
  expect_near(a, scaled, 1e-6);
  expect_near(b, capped, 1e-6);
  expect_near(c, clamped, 1e-6);
}

TEST_P(Operations, TheFactorZeroClearsEvenWhatIsNotFinite) {
  Values x = reference::random(5, 40, 1);
  x.at[7] = std::numeric_limits<float>::quiet_NaN();
  const Matrix got = on_device(x);
  compute_->scale(got, 0.0F);
  EXPECT_THAT(from_device(got), testing::Each(0.0F));
}

TEST_P(Operations, RowsAreTakenOutAndAddedBackWithTheirFactors) {
  const Values x = reference::random(9, 21, 1);
  const std::vector<std::size_t> rows{7, 0, 4};
  const std::vector<float> factors{0.5F, -2.0F, 1.0F};
  const Matrix all = on_device(x), some = compute_->allocate(3, 21);
  compute_->take_rows(some, all, rows);
  Values expected = x;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t c = 0; c < 21; ++c) expected(rows[i], c) += factors[i] * x(rows[i], c);
  }
  compute_->add_rows(all, some, rows, factors);
  expect_near(all, expected, 1e-6);
  EXPECT_THROW(compute_->take_rows(some, all, std::vector<std::size_t>{0, 1, 9}), Error);
}

TEST_P(Operations, AddIsElementwise) {
  const Values x = reference::random(19, 55, 1), y = reference::random(19, 55, 2);
  Values expected = x;
  for (std::size_t i = 0; i < x.at.size(); ++i) expected.at[i] += y.at[i];
  const Matrix got = on_device(x);
  compute_->add(got, on_device(y));
  expect_near(got, expected, 1e-6);
}

TEST_P(Operations, LogSumExpTakesTheVocabularyInSlices) {
  const Values logits = reference::random(40, 1001, 1, 6.0);
  std::vector<std::int32_t> targets(40);
  for (std::size_t r = 0; r < 40; ++r) targets[r] = static_cast<std::int32_t>((r * 379) % 1001);
  const Matrix all = on_device(logits);
  LogSumExp state(40);
  for (std::size_t first = 0; first < 1001; first += 300) {
    const std::size_t count = std::min<std::size_t>(300, 1001 - first);
    compute_->log_sum_exp(state, all.column_range(first, count), first, targets);
  }
  for (std::size_t r = 0; r < 40; ++r) {
    const auto expected = reference::negative_log_likelihood(logits, r, static_cast<std::size_t>(targets[r]));
    EXPECT_NEAR(state.negative_log_likelihood(r), expected, 1e-5 * std::max(1.0, expected));
  }
}

TEST_P(Operations, DivergencesAgreeWithFloat64HoweverTheVocabularyIsSliced) {
  constexpr std::size_t kVocabulary = 3001;
  const Values b = reference::random(20, kVocabulary, 1, 5.0);
  Values m = b;
  const Values noise = reference::random(20, kVocabulary, 2);
  // From far apart to very close: row r differs by 10^(-r/4).
  for (std::size_t r = 0; r < 20; ++r) {
    for (std::size_t c = 0; c < kVocabulary; ++c) {
      m(r, c) = static_cast<float>(m(r, c) + noise(r, c) * std::pow(10.0, -static_cast<double>(r) / 4.0));
    }
  }
  std::vector<std::int32_t> targets(20);
  for (std::size_t r = 0; r < 20; ++r) targets[r] = static_cast<std::int32_t>(r * 150);
  const Matrix baseline = on_device(b), model = on_device(m);
  for (const std::size_t slice : {3001, 1000, 77}) {
    Divergence state(20);
    for (std::size_t first = 0; first < kVocabulary; first += slice) {
      const std::size_t count = std::min(slice, kVocabulary - first);
      compute_->divergence(state, baseline.column_range(first, count), model.column_range(first, count),
                           first, targets);
    }
    for (std::size_t r = 0; r < 20; ++r) {
      const auto target = static_cast<std::size_t>(targets[r]);
      EXPECT_NEAR(state.kullback_leibler(r), reference::kullback_leibler(b, m, r), 1e-6) << "row " << r;
      EXPECT_NEAR(state.model.negative_log_likelihood(r), reference::negative_log_likelihood(m, r, target),
                  2e-5);
      EXPECT_NEAR(state.baseline.negative_log_likelihood(r), reference::negative_log_likelihood(b, r, target),
                  2e-5);
      const auto top = [&](const Values& v) {
        const auto row = v.at.begin() + static_cast<std::ptrdiff_t>(r * kVocabulary);
        return std::max_element(row, row + kVocabulary) - row;
      };
      EXPECT_EQ(state.baseline_top[r], top(b));
      EXPECT_EQ(state.model_top[r], top(m));
    }
  }
}

TEST_P(Operations, DivergencesOfEqualLogitsAreExactlyZero) {
  const Matrix same = on_device(reference::random(9, 2500, 3, 4.0));
  Divergence state(9);
  const std::vector<std::int32_t> targets(9, 5);
  compute_->divergence(state, same.column_range(0, 1300), same.column_range(0, 1300), 0, targets);
  compute_->divergence(state, same.column_range(1300, 1200), same.column_range(1300, 1200), 1300, targets);
  for (std::size_t r = 0; r < 9; ++r) EXPECT_EQ(state.kullback_leibler(r), 0.0);
}

TEST_P(Operations, GatherConvertsRowsOfTheTableAndRefusesIdsOutsideIt) {
  const std::vector<std::uint16_t> bf16{0x3F80, 0x4000, 0xBF80, 0x3F00, 0x0000, 0x4040};  // 1 2 -1 0.5 0 3
  const HostTable table{DType::BF16, reinterpret_cast<const std::byte*>(bf16.data()), 3, 2};
  const Matrix out = compute_->allocate(2, 2);
  compute_->gather(out, table, std::vector<std::int32_t>{2, 0});
  EXPECT_THAT(from_device(out), testing::ElementsAre(0.0F, 3.0F, 1.0F, 2.0F));
  EXPECT_THROW(compute_->gather(out, table, std::vector<std::int32_t>{0, 3}), Error);
  EXPECT_THROW(compute_->gather(out, table, std::vector<std::int32_t>{-1, 0}), Error);
}

TEST_P(Operations, AllFiniteFindsASingleNanOrInfinity) {
  for (const float poison :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t place : {0, 101, 1000 * 37 - 1}) {
      Values x = reference::random(1000, 37, 1);
      EXPECT_TRUE(compute_->all_finite(on_device(x)));
      x.at[place] = poison;
      EXPECT_FALSE(compute_->all_finite(on_device(x)));
    }
  }
}

TEST_P(Operations, ShapesThatDoNotFitAreRefused) {
  const Matrix a = compute_->allocate(2, 3), b = compute_->allocate(3, 2);
  EXPECT_THROW(compute_->add(a, b), Error);
  EXPECT_THROW(compute_->activate_multiply(a, b, Activation::Silu), Error);
  EXPECT_THROW(compute_->rms_norm(a, b, a, 1e-5F), Error);
}

INSTANTIATE_TEST_SUITE_P(Of, Operations, testing::ValuesIn(implementations()),
                         [](const auto& implementation) { return implementation.param.name; });

}  // namespace
}  // namespace presswork::modelkit
