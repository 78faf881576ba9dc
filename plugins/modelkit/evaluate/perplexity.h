// Perplexity of a model on windows of tokens: exp of the mean negative log-likelihood over all positions but
// the first of each window, summed in float64; each window a sequence of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

struct PassOptions {
  StateLimit states;
  // Called often, with windows done so far (fractions count layers) and in all; may throw to end the work.
  std::function<void(double done, double total)> progress;
};

struct Perplexity {
  double perplexity = 0.0;
  double standard_error = 0.0;  // of the perplexity, by the delta method: perplexity * error of mean_nll
  double mean_nll = 0.0;        // nats per token
  std::uint64_t tokens = 0;     // scored: windows * (window - 1)
  std::uint64_t windows = 0;
};

// Throws "invalid_parameter" at /window for windows of one token, "invalid_input" for ids outside the
// vocabulary, "not_finite" naming where a NaN appeared first.
Perplexity perplexity(Transformer& model, const TokenWindows& windows, const PassOptions& options = {});

// -log p of each position's target, float64; 0 where the target is negative. Errors as perplexity().
std::vector<double> token_losses(Transformer& model, const TokenWindows& windows,
                                 std::span<const std::int32_t> targets, const PassOptions& options);

// The next token of each position; -1 at the end of each window.
std::vector<std::int32_t> targets_of(const TokenWindows& windows);

// Throws "invalid_parameter" when a window has nothing to predict.
void expect_predictions(const TokenWindows& windows);

// Bytes that a pass over `windows` windows is expected to need beside what the process holds already: hidden
// states, and the larger of a layer (float32, its widest linear as stored, activations) and a slice of the
// head.
std::uint64_t predicted_pass_bytes(const ModelSource& model, std::size_t windows, std::size_t tokens,
                                   const StateLimit& limit);

}  // namespace presswork::modelkit
