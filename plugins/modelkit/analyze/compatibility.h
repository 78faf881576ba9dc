// How well a model fits a target, from 0 to 1, and what hardware the guide recommends for its size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/wording/message.h"

namespace presswork::modelkit {

struct Target {
  std::string name;
  double memory_gb = 0;
  double bandwidth_gbps = 0;  // of its memory, GB/s; 0: not known
  double compute_fit = 1;     // 0…1: whether it has fast instructions for the model's precision
  Message compute_reason;
};

struct ModelLoad {
  double memory_gb = 0;      // of inference
  double weights_gb = 0;     // read once for each token that is decoded
  double tokens_per_s = 10;  // wanted of one sequence
};

struct Part {
  std::string name;  // memory, headroom, speed, compute
  double score, weight;
  Message reason;
};

struct Compatibility {
  double score =
      0;  // the parts' weighted mean; never over the memory's score, since what does not fit does not run
  std::vector<Part> parts;
};

// memory (0.5): usable (nine tenths of the target's) / needed, at most 1. headroom (0.1): free memory / a
// tenth of the target's, at most 1. speed (0.3): bandwidth / weights / wanted, at most 1; half where the
// bandwidth is not known. compute (0.1): compute_fit.
Compatibility compatibility(const Target& target, const ModelLoad& load);

// The guide's decision table (SPEC.md §3).
struct SizeAdvice {
  std::string_view size, training, inference, quantization, effect;
};
const SizeAdvice& advice_for(double parameters);

}  // namespace presswork::modelkit
