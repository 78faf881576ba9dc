#include "plugins/modelkit/evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "plugins/modelkit/evaluate/statistics.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Losses of all rows, block by block of the states.
std::vector<double> losses_of(Transformer& model, HiddenStates& states, std::span<const std::int32_t> targets,
                              const StepObserver& step) {
  std::vector<double> losses;
  losses.reserve(targets.size());
  const std::size_t tokens = states.tokens();
  const auto all = static_cast<double>(states.windows());
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    const auto part = model.negative_log_likelihood(
        block, targets.subspan(first * tokens, count * tokens),
        [&](double share) { step((static_cast<double>(first) + share * static_cast<double>(count)) / all); });
    losses.insert(losses.end(), part.begin(), part.end());
  });
  return losses;
}

}  // namespace

void expect_predictions(const TokenWindows& windows) {
  if (windows.length() >= 2) return;
  throw Error("invalid_parameter", "a window of 1 token has nothing to predict", "/window", "use at least 2");
}

std::vector<std::int32_t> targets_of(const TokenWindows& windows) {
  const auto ids = windows.ids();
  std::vector<std::int32_t> targets(ids.begin() + 1, ids.end());
  targets.push_back(-1);
  for (std::size_t i = windows.length() - 1; i < targets.size(); i += windows.length()) targets[i] = -1;
  return targets;
}

std::vector<double> token_losses(Transformer& model, const TokenWindows& windows,
                                 std::span<const std::int32_t> targets, const PassOptions& options) {
  const auto total = static_cast<double>(windows.count());
  const auto report = [&](double share) {
    if (options.progress) options.progress(share * total, total);
  };
  // The head counts like a layer.
  const double layers = static_cast<double>(model.layers()) / static_cast<double>(model.layers() + 1);
  HiddenStates states =
      run_layers(model, windows, options.states, [&](double share) { report(layers * share); });
  auto losses =
      losses_of(model, states, targets, [&](double share) { report(layers + (1.0 - layers) * share); });
  if (!std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); })) {
    throw Error("not_finite", "the log-likelihoods hold NaN or infinity", head_linear(model.config()).module,
                "write or download the model again");
  }
  report(1.0);
  return losses;
}

Perplexity perplexity(Transformer& model, const TokenWindows& windows, const PassOptions& options) {
  expect_predictions(windows);
  const auto losses = token_losses(model, windows, targets_of(windows), options);
  WindowedMean mean;
  for (std::size_t w = 0; w < windows.count(); ++w) {
    mean.add(std::span(losses).subspan(w * windows.length(), windows.length() - 1));
  }
  const auto [nll, error] = mean.mean();
  return {.perplexity = std::exp(nll),
          .standard_error = std::exp(nll) * error,
          .mean_nll = nll,
          .tokens = mean.count(),
          .windows = windows.count()};
}

std::uint64_t predicted_pass_bytes(const ModelSource& model, std::size_t windows, std::size_t tokens,
                                   const StateLimit& limit) {
  const auto hidden = static_cast<std::size_t>(model.config().hidden);
  const std::uint64_t rows = std::uint64_t{windows} * tokens;
  // Each row's id, target, loss, and its sums.
  const std::uint64_t states = HiddenStates::memory_bytes(windows, tokens, hidden, limit) +
                               rows * (2 * sizeof(std::int32_t) + 2 * sizeof(double) + 2 * sizeof(float));
  const std::uint64_t block = std::clamp<std::uint64_t>(
      limit.bytes / std::max<std::size_t>(1, tokens * hidden * sizeof(float)), 1, windows);
  // oneDNN's kernels and copies of blocks, the code itself.
  constexpr std::uint64_t kRuntime = 12u << 20;
  return kRuntime + states +
         std::max(DecoderLayer::predicted_bytes(model, block * tokens, tokens),
                  Transformer::predicted_head_bytes(model, block * tokens));
}

}  // namespace presswork::modelkit
