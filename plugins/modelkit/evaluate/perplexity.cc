#include "plugins/modelkit/evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Sums over windows, for the mean and its error.
struct Sums {
  std::vector<double> window_means;
  double total = 0.0, squares = 0.0;  // over tokens

  void add(std::span<const double> losses) {
    double sum = 0.0;
    for (const double loss : losses) {
      sum += loss;
      squares += loss * loss;
    }
    total += sum;
    window_means.push_back(sum / static_cast<double>(losses.size()));
  }
};

double standard_error_of_mean(const Sums& sums, double mean, double tokens) {
  const auto windows = static_cast<double>(sums.window_means.size());
  if (windows < 2.0) {
    return tokens < 2.0 ? 0.0
                        : std::sqrt(std::max(0.0, sums.squares / tokens - mean * mean) / (tokens - 1.0));
  }
  double spread = 0.0;
  for (const double one : sums.window_means) spread += (one - mean) * (one - mean);
  return std::sqrt(spread / (windows - 1.0) / windows);
}

void check(std::size_t tokens, std::size_t window) {
  if (window < 2) {
    throw Error("invalid_parameter",
                "a window of " + std::to_string(window) + " tokens has nothing to predict", "/window",
                "use at least 2");
  }
  if (tokens < window) {
    throw Error("invalid_input",
                "the text has " + std::to_string(tokens) + " tokens, fewer than one window of " +
                    std::to_string(window),
                "text", "give a longer text, or a window of at most " + std::to_string(tokens));
  }
}

std::size_t windows_together(const ModelConfig& config, const PerplexityOptions& options) {
  const std::size_t bytes = options.window * static_cast<std::size_t>(config.hidden) * sizeof(float);
  return std::max<std::size_t>(1, options.state_bytes / bytes);
}

// The next token of each position; -1 at the end of each window.
std::vector<std::int32_t> targets_of(std::span<const std::int32_t> ids, std::size_t window) {
  std::vector<std::int32_t> targets(ids.begin() + 1, ids.end());
  targets.push_back(-1);
  for (std::size_t i = window - 1; i < targets.size(); i += window) targets[i] = -1;
  return targets;
}

// Losses of whole windows; `step` gets the share of this batch that is done.
std::vector<double> losses_of(Transformer& model, std::span<const std::int32_t> ids, std::size_t window,
                              const std::function<void(double)>& step) {
  const Matrix states = model.embed(ids, window);
  const auto steps = static_cast<double>(model.layers() + 1);  // the head counts like a layer
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    step(static_cast<double>(i) / steps);
    model.layer(i).forward(states, window, model.rope());
  }
  model.final_norm(states);
  return model.negative_log_likelihood(states, targets_of(ids, window),
                                       [&](double share) { step((steps - 1.0 + share) / steps); });
}

}  // namespace

Perplexity perplexity(Transformer& model, std::span<const std::int32_t> ids,
                      const PerplexityOptions& options) {
  const std::size_t window = options.window;
  check(ids.size(), window);
  const std::size_t windows = ids.size() / window, together = windows_together(model.config(), options);
  Sums sums;
  for (std::size_t first = 0; first < windows; first += together) {
    const std::size_t count = std::min(together, windows - first);
    const auto losses =
        losses_of(model, ids.subspan(first * window, count * window), window, [&](double share) {
          if (!options.progress) return;
          options.progress(static_cast<double>(first) + share * static_cast<double>(count),
                           static_cast<double>(windows));
        });
    for (std::size_t w = 0; w < count; ++w) sums.add(std::span(losses).subspan(w * window, window - 1));
  }
  if (options.progress) options.progress(static_cast<double>(windows), static_cast<double>(windows));
  Perplexity result;
  result.windows = windows;
  result.tokens = windows * (window - 1);
  const auto tokens = static_cast<double>(result.tokens);
  result.mean_nll = sums.total / tokens;
  if (!std::isfinite(result.mean_nll)) {
    throw Error("not_finite", "the log-likelihoods hold NaN or infinity", head_linear(model.config()).module,
                "write or download the model again");
  }
  result.perplexity = std::exp(result.mean_nll);
  result.standard_error = result.perplexity * standard_error_of_mean(sums, result.mean_nll, tokens);
  return result;
}

std::uint64_t predicted_perplexity_bytes(const ModelSource& model, std::size_t tokens,
                                         const PerplexityOptions& options) {
  const std::size_t windows =
      std::min(std::max<std::size_t>(1, tokens / options.window), windows_together(model.config(), options));
  const std::uint64_t rows = windows * options.window;
  const auto hidden = static_cast<std::uint64_t>(model.config().hidden);
  // State row, its sums, target and loss.
  const std::uint64_t states = rows * (hidden * sizeof(float) + 2 * (sizeof(float) + sizeof(double)) + 4);
  // oneDNN's kernels and copies of blocks, the code itself.
  constexpr std::uint64_t kRuntime = 12u << 20;
  return kRuntime + states +
         std::max(DecoderLayer::predicted_bytes(model, rows, options.window),
                  Transformer::predicted_head_bytes(model, rows));
}

}  // namespace presswork::modelkit
