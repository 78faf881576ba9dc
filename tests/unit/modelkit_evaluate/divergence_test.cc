#include "plugins/modelkit/evaluate/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "golden.h"
#include "plugins/modelkit/data/token_windows.h"
#include "presswork/error.h"
#include "unit/modelkit_compute/reference.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

Matrix on_device(Compute& compute, const Values& values) {
  const Matrix matrix = compute.allocate(values.rows, values.cols);
  compute.write(matrix, values.floats());
  return matrix;
}

class Divergences : public testing::TestWithParam<unsigned> {
 protected:
  std::unique_ptr<Compute> compute_ = make_cpu_compute(GetParam());
};

// sum p (log p - log q) in float64.
double kullback_leibler(const Values& b, const Values& m, std::size_t row) {
  // log p of entry c is b(row, c) - shift.
  const double b_shift = reference::negative_log_likelihood(b, row, 0) + b(row, 0);
  const double m_shift = reference::negative_log_likelihood(m, row, 0) + m(row, 0);
  double sum = 0.0;
  for (std::size_t c = 0; c < b.cols; ++c) {
    const double log_p = b(row, c) - b_shift, log_q = m(row, c) - m_shift;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return sum;
}

TEST_P(Divergences, AgreeWithFloat64HoweverTheVocabularyIsSliced) {
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
  const Matrix baseline = on_device(*compute_, b), model = on_device(*compute_, m);
  for (const std::size_t slice : {3001, 1000, 77}) {
    Divergence state(20);
    for (std::size_t first = 0; first < kVocabulary; first += slice) {
      const std::size_t count = std::min(slice, kVocabulary - first);
      compute_->divergence(state, baseline.column_range(first, count), model.column_range(first, count),
                           first, targets);
    }
    for (std::size_t r = 0; r < 20; ++r) {
      const auto target = static_cast<std::size_t>(targets[r]);
      EXPECT_NEAR(state.kullback_leibler(r), kullback_leibler(b, m, r), 1e-6) << "row " << r;
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

TEST_P(Divergences, OfEqualLogitsAreExactlyZero) {
  const Matrix same = on_device(*compute_, reference::random(9, 2500, 3, 4.0));
  Divergence state(9);
  const std::vector<std::int32_t> targets(9, 5);
  compute_->divergence(state, same.column_range(0, 1300), same.column_range(0, 1300), 0, targets);
  compute_->divergence(state, same.column_range(1300, 1200), same.column_range(1300, 1200), 1300, targets);
  for (std::size_t r = 0; r < 9; ++r) EXPECT_EQ(state.kullback_leibler(r), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Threads, Divergences, testing::Values(1, 3));

TEST(ModelDivergence, GivesTheSameBitsForAnyNumberOfThreadsAndFromAFile) {
  const ChangedModel changed;
  const ModelSource model_source = ModelSource::open(changed.folder()),
                    baseline_source = ModelSource::open(kModel);
  std::vector<std::int32_t> ids(8 * 50);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 97 % 4000);
  const TokenWindows windows(ids, 50);
  const auto measure = [&](unsigned threads, std::size_t bytes) {
    const auto compute = make_cpu_compute(threads);
    Transformer model(*compute, model_source), baseline(*compute, baseline_source);
    DivergenceOptions options;
    options.pass.states.bytes = bytes;
    HiddenStates states = run_layers(baseline, windows, options.pass.states);
    const ModelDivergence d = divergence(model, baseline, states, windows, options);
    return std::vector<double>{d.kl.value, d.kl_max, d.log_ratio.value, d.top1_agreement.value};
  };
  const auto one = measure(1, 1 << 30);
  EXPECT_GT(one[0], 0.0);
  for (const unsigned threads : {2U, 3U, 5U}) EXPECT_EQ(measure(threads, 1 << 30), one) << threads;
  EXPECT_EQ(measure(2, 1), one);
}

TEST(ModelDivergence, RefusesAContextThatLeavesNothingToScoreAndAnotherVocabulary) {
  const auto compute = make_cpu_compute(1);
  const ModelSource tiny = ModelSource::open(kModel);
  const ModelSource other = ModelSource::open(kSource / "tests/data/fixtures/llama");
  Transformer model(*compute, tiny), baseline(*compute, tiny), stranger(*compute, other);
  const TokenWindows windows(std::vector<std::int32_t>(20, 1), 10);
  HiddenStates states = run_layers(baseline, windows, {});
  const auto where = [&](Transformer& against, std::size_t context) -> std::string {
    try {
      divergence(model, against, states, windows, {.pass = {}, .context = context});
    } catch (const Error& error) {
      return error.where;
    }
    return "accepted";
  };
  EXPECT_EQ(where(baseline, 8), "accepted");
  EXPECT_EQ(where(baseline, 9), "/context");
  EXPECT_EQ(where(stranger, 0), "baseline");
}

}  // namespace
}  // namespace presswork::modelkit
