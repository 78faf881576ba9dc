// The model that a strategy is for, as far as a prediction needs it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugins/modelkit/estimate/memory.h"

namespace presswork::strategy {

using Json = nlohmann::json;

struct Subject {
  modelkit::InferenceShape guide;    // the guide's view: its formula decides the required ratio
  modelkit::InferenceShape refined;  // real key/value heads and the weights' exact size
  double linear_params = 0;          // that quantization and pruning change
  double kept_bytes = 0;             // of everything else, as stored
  double bytes = 0;                  // of all weights, as stored
  std::vector<std::int64_t> widths;  // inputs of its linears, which groups must divide
  std::optional<double> tokens_per_s;
  // Measured rise of the perplexity in percent when all linears are rounded to a precision ("int8", "int4"),
  // where the analysis has it.
  std::map<std::string, double> measured_loss;

  double guide_memory_gb() const { return modelkit::inference_memory(guide).total() / modelkit::kGigabyte; }
  double memory_gb() const { return modelkit::inference_memory(refined).total() / modelkit::kGigabyte; }
};

// Of an analysis (analyze/model). Throws "invalid_input" naming `where` when it is none.
Subject subject_of(const Json& analysis, const std::string& where);

// Of plain numbers: every parameter counts as one of a linear. `parameters` holds params, d_model, n_layers,
// n_heads, batch_size, seq_len and precision; throws "invalid_parameter" for one that is missing.
Subject subject_from(const Json& parameters);

}  // namespace presswork::strategy
