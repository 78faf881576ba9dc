// How far a model's predictions are from a baseline's: at each scored position the Kullback-Leibler
// divergence KL(baseline || model) = sum over the vocabulary of p_b * (log p_b - log p_m), in nats, and
// whether the most likely tokens agree. The definition of llama.cpp's perplexity tool with --kl-divergence;
// that one scores the second half of each window only (here: context = window / 2) and takes tokens as
// independent for its errors, where here windows are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/evaluate/statistics.h"

namespace presswork::modelkit {

struct ModelDivergence {
  Mean kl;  // nats
  double kl_p50 = 0.0, kl_p90 = 0.0, kl_p99 = 0.0, kl_max = 0.0;
  Mean top1_agreement;     // share of positions, 0 to 1
  Mean nll, baseline_nll;  // nats per token
  Mean log_ratio;          // nll - baseline_nll, paired: its error is far smaller than those of the two
  std::uint64_t tokens = 0, windows = 0;
};

struct DivergenceOptions {
  PassOptions pass;
  std::size_t context = 0;  // leading tokens of a window that are not scored; at most window - 2
};

// `baseline_states`: those of run_layers() for the baseline and the same windows. The model's are computed.
// Throws "invalid_input" when the vocabularies differ, "invalid_parameter" at /context, otherwise as
// perplexity().
ModelDivergence divergence(Transformer& model, Transformer& baseline, HiddenStates& baseline_states,
                           const TokenWindows& windows, const DivergenceOptions& options);

// KL(baseline || model) of each position from final states of the same model's head (after the final norm),
// float64.
std::vector<double> divergence_of_states(const Transformer& model, const Matrix& states,
                                         const Matrix& baseline_states);

// Memory beyond what the process holds, as predicted_pass_bytes(): the larger model's layer and both states.
std::uint64_t predicted_divergence_bytes(const ModelSource& model, const ModelSource& baseline,
                                         std::size_t windows, std::size_t tokens, const StateLimit& limit);

}  // namespace presswork::modelkit
