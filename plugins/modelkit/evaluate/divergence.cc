#include "plugins/modelkit/evaluate/divergence.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// What is known of each row once the whole vocabulary has passed by.
struct Scores {
  std::vector<double> kl, agrees, nll, baseline_nll;
};

void take(Scores& scores, const Divergence& part, std::span<const std::int32_t> targets) {
  for (std::size_t r = 0; r < part.rows(); ++r) {
    const bool scored = targets[r] >= 0;
    scores.kl.push_back(part.kullback_leibler(r));
    scores.agrees.push_back(part.baseline_top[r] == part.model_top[r] ? 1.0 : 0.0);
    scores.nll.push_back(scored ? part.model.negative_log_likelihood(r) : 0.0);
    scores.baseline_nll.push_back(scored ? part.baseline.negative_log_likelihood(r) : 0.0);
  }
}

// Both heads over a block of rows, a slice of the vocabulary at a time.
void score_block(Scores& scores, const Transformer& model, const Transformer& baseline, const Matrix& states,
                 const Matrix& baseline_states, std::span<const std::int32_t> targets,
                 const StepObserver& step) {
  constexpr std::size_t kRows = Transformer::kHeadRows;
  Compute& compute = model.compute();
  const LinearWeight head = model.head(), baseline_head = baseline.head();
  const auto vocabulary = static_cast<std::size_t>(head.out);
  const std::size_t slice = std::min(Transformer::kHeadSlice, vocabulary);
  const Matrix ours = compute.allocate(std::min(kRows, states.rows), slice);
  const Matrix theirs = compute.allocate(ours.rows, slice);
  std::vector<Divergence> parts;
  for (std::size_t r = 0; r < states.rows; r += kRows) parts.emplace_back(std::min(kRows, states.rows - r));
  for (std::size_t first = 0; first < vocabulary; first += slice) {
    step(static_cast<double>(first) / static_cast<double>(vocabulary));
    const std::size_t count = std::min(slice, vocabulary - first);
    const auto part = model.head_part(head, first, count);
    const auto baseline_part = baseline.head_part(baseline_head, first, count);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::size_t row = i * kRows, rows = parts[i].rows();
      const Matrix m = ours.row_range(0, rows).column_range(0, count);
      const Matrix b = theirs.row_range(0, rows).column_range(0, count);
      model.logits(m, states.row_range(row, rows), *part);
      baseline.logits(b, baseline_states.row_range(row, rows), *baseline_part);
      compute.divergence(parts[i], b, m, first, targets.subspan(row, rows));
    }
  }
  model.release_head();
  baseline.release_head();
  for (std::size_t i = 0; i < parts.size(); ++i) take(scores, parts[i], targets.subspan(i * kRows));
}

void check(const Transformer& model, const Transformer& baseline, const TokenWindows& windows,
           std::size_t context) {
  expect_predictions(windows);
  if (context + 2 > windows.length()) {
    throw Error("invalid_parameter",
                "a window of " + std::to_string(windows.length()) + " tokens with " +
                    std::to_string(context) + " of them as context has nothing to score",
                "/context", "use at most " + std::to_string(windows.length() - 2));
  }
  const auto ours = head_linear(model.config()).out, theirs = head_linear(baseline.config()).out;
  if (ours == theirs) return;
  throw Error("invalid_input",
              "the model's vocabulary has " + std::to_string(ours) + " entries, the baseline's " +
                  std::to_string(theirs),
              "baseline", "compare models of one vocabulary");
}

ModelDivergence summarize(const Scores& scores, const TokenWindows& windows, std::size_t context) {
  WindowedMean kl, agrees, nll, baseline_nll, ratio;
  std::vector<double> all, differences;
  const std::size_t count = windows.length() - 1 - context;
  for (std::size_t w = 0; w < windows.count(); ++w) {
    const auto part = [&](const std::vector<double>& values) {
      return std::span(values).subspan(w * windows.length() + context, count);
    };
    kl.add(part(scores.kl));
    agrees.add(part(scores.agrees));
    nll.add(part(scores.nll));
    baseline_nll.add(part(scores.baseline_nll));
    differences.clear();
    for (std::size_t i = 0; i < count; ++i) {
      differences.push_back(part(scores.nll)[i] - part(scores.baseline_nll)[i]);
    }
    ratio.add(differences);
    all.insert(all.end(), part(scores.kl).begin(), part(scores.kl).end());
  }
  return {.kl = kl.mean(),
          .kl_p50 = percentile(all, 0.5),
          .kl_p90 = percentile(all, 0.9),
          .kl_p99 = percentile(all, 0.99),
          .kl_max = percentile(all, 1.0),
          .top1_agreement = agrees.mean(),
          .nll = nll.mean(),
          .baseline_nll = baseline_nll.mean(),
          .log_ratio = ratio.mean(),
          .tokens = kl.count(),
          .windows = kl.windows()};
}

}  // namespace

std::vector<double> divergence_of_states(const Transformer& model, const Matrix& states,
                                         const Matrix& baseline_states) {
  const std::vector<std::int32_t> targets(states.rows, -1);
  Scores scores;
  score_block(scores, model, model, states, baseline_states, targets, [](double) {});
  return std::move(scores.kl);
}

ModelDivergence divergence(Transformer& model, Transformer& baseline, HiddenStates& baseline_states,
                           const TokenWindows& windows, const DivergenceOptions& options) {
  check(model, baseline, windows, options.context);
  const auto total = static_cast<double>(windows.count());
  const auto report = [&](double share) {
    if (options.pass.progress) options.pass.progress(share * total, total);
  };
  // The two heads count like two layers.
  const double layers = static_cast<double>(model.layers()) / static_cast<double>(model.layers() + 2);
  HiddenStates states =
      run_layers(model, windows, options.pass.states, [&](double share) { report(layers * share); });
  const auto targets = targets_of(windows);
  Scores scores;
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    const std::size_t tokens = windows.length();
    score_block(scores, model, baseline, block, baseline_states.block_at(first),
                std::span(targets).subspan(first * tokens, count * tokens), [&](double share) {
                  const double done = static_cast<double>(first) + share * static_cast<double>(count);
                  report(layers + (1.0 - layers) * done / total);
                });
  });
  const ModelDivergence result = summarize(scores, windows, options.context);
  if (!std::isfinite(result.kl.value) || !std::isfinite(result.log_ratio.value)) {
    throw Error("not_finite", "the logits hold NaN or infinity", head_linear(model.config()).module,
                "write or download the model again");
  }
  report(1.0);
  return result;
}

std::uint64_t predicted_divergence_bytes(const ModelSource& model, const ModelSource& baseline,
                                         std::size_t windows, std::size_t tokens, const StateLimit& limit) {
  const std::uint64_t states =
      HiddenStates::memory_bytes(windows, tokens, static_cast<std::size_t>(baseline.config().hidden), limit);
  const std::uint64_t rows = std::uint64_t{windows} * tokens;
  const std::uint64_t scores = rows * 12 * sizeof(double);
  // At the end both heads are there, the second one's share beside what a pass of one counts.
  return states + scores + Transformer::predicted_head_bytes(baseline, rows) +
         std::max(predicted_pass_bytes(model, windows, tokens, limit),
                  predicted_pass_bytes(baseline, windows, tokens, limit));
}

}  // namespace presswork::modelkit
