// GPTQ against the paper's own equations, solved densely: the whole inverse Hessian, from which each input is
// eliminated as it is rounded (Frantar et al. 2022, equations 2 and 3), without Cholesky, blocks or tiles.
#include "plugins/modelkit/quantize/gptq_quantizer.h"

#include <gmock/gmock.h>

#include <numeric>

#include "dense.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

struct Reference {
  std::vector<std::int8_t> q;
  double output_error = 0;  // sum of squares of X (W - W')^T
};

std::vector<std::size_t> falling_diagonal(const dense::Rows& hessian) {
  std::vector<std::size_t> order(hessian.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return hessian[a][a] > hessian[b][b]; });
  return order;
}

double output_error(const dense::Rows& hessian, const std::vector<double>& difference) {
  double sum = 0;
  for (std::size_t i = 0; i < hessian.size(); ++i) {
    for (std::size_t j = 0; j < hessian.size(); ++j) sum += difference[i] * hessian[i][j] * difference[j];
  }
  return sum;
}

// A group's grid in float64; shrunk ranges are searched in float32.
struct Scale {
  double scale = 1, zero = 0;
  double value(double q) const { return (q - zero) * scale; }
};

Scale scale_of(const std::vector<double>& w, const QuantizationGrid& grid) {
  if (grid.clipping == Clipping::Mse) {
    const std::vector<float> floats(w.begin(), w.end());
    const GroupScale found = fit_group(floats.data(), static_cast<std::int64_t>(w.size()), grid);
    return {found.scale, static_cast<double>(found.zero)};
  }
  double low = 0, high = 0;
  for (const double x : w) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  const double least = grid.lowest(), most = grid.highest();
  if (grid.symmetric) return {std::max(-low, high) / most, 0};
  const double scale = (high - low) / (most - least);
  return {scale, std::clamp(std::nearbyint(-low / scale) + least, least, most)};
}

Reference solve(const std::vector<float>& weight, const dense::Rows& hessian, const GptqOptions& options) {
  const std::size_t n = hessian.size(), out = weight.size() / n;
  const std::size_t group =
      options.grid.group_size == 0 ? n : static_cast<std::size_t>(options.grid.group_size);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (options.actorder) order = falling_diagonal(hessian);
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += hessian[i][i] / static_cast<double>(n);
  dense::Rows damped = hessian;
  for (std::size_t i = 0; i < n; ++i) damped[i][i] += options.damp * mean;
  Reference result{std::vector<std::int8_t>(weight.size()), 0};
  for (std::size_t row = 0; row < out; ++row) {
    const float* original = weight.data() + row * n;
    std::vector<double> w(original, original + n), difference(n);
    dense::Rows inverse = dense::inverse(damped);
    std::vector<Scale> scales(n / group);
    for (const std::size_t i : order) {
      Scale& scale = scales[i / group];
      if (options.actorder) {
        scale = scale_of({original + i / group * group, original + (i / group + 1) * group}, options.grid);
      } else if (i % group == 0) {
        const auto now = w.begin() + static_cast<std::ptrdiff_t>(i);
        scale = scale_of({now, now + static_cast<std::ptrdiff_t>(group)}, options.grid);
      }
      const double q = std::clamp<double>(std::nearbyint(w[i] / scale.scale) + scale.zero,
                                          options.grid.lowest(), options.grid.highest());
      result.q[row * n + i] = static_cast<std::int8_t>(q);
      difference[i] = original[i] - scale.value(q);
      const double error = (w[i] - scale.value(q)) / inverse[i][i];
      for (std::size_t j = 0; j < n; ++j) w[j] -= error * inverse[i][j];
      const std::vector<double> pivot = inverse[i];
      for (std::size_t a = 0; a < n; ++a) {
        const double factor = inverse[a][i] / pivot[i];
        for (std::size_t b = 0; b < n; ++b) inverse[a][b] -= factor * pivot[b];
      }
    }
    result.output_error += output_error(hessian, difference);
  }
  return result;
}

class Gptq : public ::testing::Test {
 protected:
  Gram gram_of(const std::vector<float>& x, std::size_t size) {
    Gram gram(size);
    gram.add(x.data(), x.size() / size, threads_);
    return gram;
  }
  ThreadPool threads_{2};
};

TEST_F(Gptq, EqualsADenseSolutionOfThePapersEquationsOnEveryGrid) {
  struct Case {
    int bits;
    std::int64_t group;
    bool symmetric, actorder;
    Clipping clipping;
  };
  constexpr std::size_t kSize = 160, kOut = 5;
  const auto x = dense::random_inputs(400, kSize, 1), w = dense::random_floats(kOut * kSize, 2);
  const auto hessian = dense::gram(x, kSize);
  for (const Case& c : {Case{4, 32, true, false, Clipping::MinMax},
                        {4, 0, false, false, Clipping::MinMax},
                        {3, 40, false, false, Clipping::MinMax},
                        {2, 16, false, true, Clipping::MinMax},
                        {8, 80, true, true, Clipping::MinMax},
                        {3, 32, true, false, Clipping::Mse}}) {
    const GptqOptions options{
        .grid = {.bits = c.bits, .group_size = c.group, .symmetric = c.symmetric, .clipping = c.clipping},
        .damp = 0.01,
        .actorder = c.actorder};
    const Reference expected = solve(w, hessian, options);
    Gram gram = gram_of(x, kSize);
    const GptqSolver solver(gram, options, threads_);
    const GptqResult result = solver.quantize(float_weight(kOut, kSize, w), "m");
    EXPECT_EQ(result.weight.grouped_int()->q, expected.q) << c.bits << " bits, group " << c.group;
    double whole = 0;
    for (std::size_t row = 0; row < kOut; ++row) {
      const auto* from = w.data() + row * kSize;
      whole += output_error(hessian, std::vector<double>(from, from + kSize));
    }
    EXPECT_NEAR(result.output.after, std::sqrt(expected.output_error / whole),
                1e-7);  // its scales are float32
    EXPECT_LT(result.output.after, result.output.before);
    EXPECT_EQ(solver.damp(), 0.01);
  }
}

TEST_F(Gptq, IndependentInputsAreRoundedToNearest) {
  Gram gram(32);
  for (std::size_t i = 0; i < 32; ++i) {
    std::vector<float> one(32, 0.0F);
    one[i] = 1.0F + static_cast<float>(i);
    gram.add(one.data(), 1, threads_);
  }
  const LinearWeight weight = float_weight(70, 32, dense::random_floats(70 * 32, 3));
  const QuantizationGrid grid{.bits = 4, .group_size = 16, .symmetric = false};
  const auto solved = GptqSolver(gram, {.grid = grid}, threads_).quantize(weight, "m");
  const auto rounded = quantize_rtn(weight, grid, "m", threads_);
  EXPECT_EQ(solved.weight.grouped_int()->q, rounded.weight.grouped_int()->q);
  for (std::size_t i = 0; i < rounded.weight.grouped_int()->scales.size(); ++i)
    EXPECT_FLOAT_EQ(solved.weight.grouped_int()->scales[i], rounded.weight.grouped_int()->scales[i]);
  EXPECT_NEAR(solved.error.relative(), rounded.error.relative(), 1e-6);
  EXPECT_NEAR(solved.rounding.relative(), rounded.error.relative(), 1e-12);
  EXPECT_NEAR(solved.output.after, solved.output.before, 1e-6);
}

// The reciprocal of the highest level is no number of float32: a scale that was rounded decides by its last
// bit.
TEST_F(Gptq, AWeightHalfWayBetweenTwoLevelsGoesToTheEvenOne) {
  Gram gram(16);
  for (std::size_t i = 0; i < 16; ++i) {
    std::vector<float> one(16, 0.0F);
    one[i] = 1.0F;
    gram.add(one.data(), 1, threads_);
  }
  for (int bits : {3, 4}) {
    const double most = (1 << (bits - 1)) - 1;
    for (int step = 1; step < 64; ++step) {
      std::vector<float> w(16, 0.0F);
      w[0] = static_cast<float>(2 * most * step);  // so that the scale is 2 * step
      w[1] = static_cast<float>(3 * step);
      w[2] = static_cast<float>(-1 * step);
      const auto result = GptqSolver(gram, {.grid = {.bits = bits, .symmetric = true}}, threads_)
                              .quantize(float_weight(1, 16, w), "m");
      const auto& q = result.weight.grouped_int()->q;
      EXPECT_EQ(q[1], 2) << bits << " bits, " << step;
      EXPECT_EQ(q[2], 0) << bits << " bits, " << step;
    }
  }
}

TEST_F(Gptq, ASingularHessianIsDampedMoreUntilItCanBeFactorized) {
  const auto x = dense::random_inputs(3, 24, 4);  // of rank 3
  Gram gram = gram_of(x, 24);
  const GptqSolver solver(gram, {.grid = {.bits = 4}, .damp = 0.0}, threads_);
  EXPECT_GT(solver.damp(), 0.0);
  const auto result = solver.quantize(float_weight(4, 24, dense::random_floats(4 * 24, 5)), "m");
  EXPECT_LT(result.output.after, result.output.before);
}

TEST_F(Gptq, InputsThatAreAlwaysZeroAreRoundedToNearestAndCounted) {
  auto x = dense::random_inputs(100, 16, 6);
  for (std::size_t r = 0; r < 100; ++r) x[r * 16 + 5] = x[r * 16 + 9] = 0.0F;
  Gram gram = gram_of(x, 16), nothing(16);
  const auto w = dense::random_floats(3 * 16, 7);
  const QuantizationGrid grid{.bits = 4, .group_size = 0, .symmetric = true};
  const GptqSolver solver(gram, {.grid = grid, .actorder = true}, threads_);
  EXPECT_EQ(solver.dead(), 2U);
  const auto solved = solver.quantize(float_weight(3, 16, w), "m");
  const auto rounded = quantize_rtn(float_weight(3, 16, w), grid, "m", threads_);
  for (const std::size_t i : {5U, 9U, 21U, 25U})
    EXPECT_EQ(solved.weight.grouped_int()->q[i], rounded.weight.grouped_int()->q[i]);
  // An expert that no token was sent to.
  const auto idle =
      GptqSolver(nothing, {.grid = grid, .damp = 0.0}, threads_).quantize(float_weight(3, 16, w), "m");
  EXPECT_EQ(idle.weight.grouped_int()->q, rounded.weight.grouped_int()->q);
}

TEST_F(Gptq, TellsWhatItRoundedEachIntegerFrom) {
  const auto x = dense::random_inputs(200, 96, 10), w = dense::random_floats(70 * 96, 11);
  for (const bool actorder : {false, true}) {
    Gram gram = gram_of(x, 96);
    const QuantizationGrid grid{.bits = 3, .group_size = 32, .symmetric = false};
    std::vector<float> unrounded;
    const auto result = GptqSolver(gram, {.grid = grid, .actorder = actorder}, threads_)
                            .quantize(float_weight(70, 96, w), "m", grid, &unrounded);
    const GroupedIntWeight& ints = *result.weight.grouped_int();
    ASSERT_EQ(unrounded.size(), w.size());
    EXPECT_NE(unrounded, w);
    std::vector<std::int8_t> q(w.size());
    for (std::size_t g = 0; g < ints.scales.size(); ++g)
      round_group(unrounded.data() + g * 32, 32, grid, {ints.scales[g], ints.zeros[g]}, q.data() + g * 32);
    EXPECT_EQ(q, ints.q);
  }
}

TEST_F(Gptq, GivesTheSameOnAnyNumberOfThreads) {
  const auto x = dense::random_inputs(300, 200, 8), w = dense::random_floats(150 * 200, 9);
  std::vector<GptqResult> results;
  for (const unsigned count : {1U, 4U}) {
    ThreadPool threads(count);
    Gram gram(200);
    gram.add(x.data(), 300, threads);
    results.push_back(GptqSolver(gram, {.grid = {.bits = 3, .group_size = 50, .symmetric = false}}, threads)
                          .quantize(float_weight(150, 200, w), "m"));
  }
  EXPECT_EQ(results[0].weight.grouped_int()->q, results[1].weight.grouped_int()->q);
  EXPECT_EQ(results[0].weight.grouped_int()->scales, results[1].weight.grouped_int()->scales);
  EXPECT_EQ(results[0].output.after, results[1].output.after);
}

TEST_F(Gptq, NamesTheWeightThatIsNotANumber) {
  Gram gram = gram_of(dense::random_inputs(40, 8, 1), 8);
  auto w = dense::random_floats(16, 1);
  w[11] = NAN;
  try {
    GptqSolver(gram, {}, threads_).quantize(float_weight(2, 8, w), "mlp.up_proj");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "mlp.up_proj.weight");
    EXPECT_THAT(error.message, ::testing::HasSubstr("row 1, column 3"));
  }
}

}  // namespace
}  // namespace presswork::modelkit
