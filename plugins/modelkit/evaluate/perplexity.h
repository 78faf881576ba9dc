// Perplexity of a model on a text. Protocol: the text tokenized whole without special tokens, cut into
// non-overlapping windows of one length, the incomplete tail dropped; each window a sequence of its own; exp
// of the mean negative log-likelihood over all positions but the first of each window, summed in float64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

struct PerplexityOptions {
  std::size_t window = 512;                          // tokens, at least 2
  std::size_t state_bytes = std::size_t{256} << 20;  // hidden states held at once; at least one window's
  // Called often, with windows done so far (fractions count layers) and in all; may throw to end the work.
  std::function<void(double done, double total)> progress;
};

struct Perplexity {
  double perplexity = 0.0;
  // Of the perplexity, by the delta method: perplexity * s / sqrt(W), s the standard deviation of the W
  // windows' means. Windows count as the independent draws, since tokens inside one are correlated. With a
  // single window the tokens take their place, which is too small.
  double standard_error = 0.0;
  double mean_nll = 0.0;     // nats per token
  std::uint64_t tokens = 0;  // scored: windows * (window - 1)
  std::uint64_t windows = 0;
};

// `ids`: the whole text. Throws "invalid_parameter" at /window, "invalid_input" for a text shorter than one
// window (with the counts) or ids outside the vocabulary, "not_finite" naming where a NaN appeared first.
Perplexity perplexity(Transformer& model, std::span<const std::int32_t> ids,
                      const PerplexityOptions& options);

// Bytes that the pass over `tokens` tokens is expected to need beside what the process holds already: hidden
// states, and the larger of a layer (float32, its widest linear as stored, activations) and a slice of the
// head.
std::uint64_t predicted_perplexity_bytes(const ModelSource& model, std::size_t tokens,
                                         const PerplexityOptions& options);

}  // namespace presswork::modelkit
