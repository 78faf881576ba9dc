// What a candidate is expected to come to.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "plugins/modelkit/estimate/gpu_catalogue.h"
#include "plugins/strategy/candidate.h"
#include "plugins/strategy/limits.h"
#include "plugins/strategy/subject.h"

namespace presswork::strategy {

// How far earlier predictions were from what was measured: later ones are multiplied by these.
struct Correction {
  double loss = 1, memory = 1, speed = 1;
};

struct Prediction {
  double bytes = 0;         // of the weights, scales and zero points included
  double memory_gb = 0;     // of inference
  double loss_percent = 0;  // rise of the perplexity
  double speedup = 1;       // of decoding
  std::optional<double> tokens_per_s;
  double compression_ratio = 1;
  std::string gpu;  // the cheapest card, or the one asked for
  int gpus = 1;
  double cost_usd = 0;
};

// Weights: integers at their bits with their scales and zero points, everything but linears as it is. Memory:
// the inference formula with these weights and 16-bit keys and values. Loss: the guide's estimate, times what
// the reference table of small-llama says of the method and group size (see docs/strategies.md); or, where
// the analysis measured rounding to that precision, in proportion to the measurement. Speed: the guide's
// min(ratio, 2), times its estimate for pruning.
Prediction predict(const Candidate& candidate, const Subject& subject, const Limits& limits,
                   const modelkit::GpuCatalogue& gpus, const Correction& correction = {});

Json to_json(const Prediction& prediction);

}  // namespace presswork::strategy
