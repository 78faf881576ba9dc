// Which linear modules of a model are to be quantized.
#pragma once

#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

struct QuantizationTargets {
  std::vector<LinearSite> modules;   // to be quantized, by whole name, in the order of the model
  std::vector<std::string> ignored;  // kept as they are: the exact names that the patterns matched
};

// Candidates are the decoder's linears and the head (unless it is tied to the embedding; embeddings are never
// quantized). `ignore` takes them out again: exact names, "re:..." or globs (module_pattern.h). A pattern
// that matches no module throws "invalid_parameter" at /ignore/<index> with the nearest names; "lm_head" is
// accepted for tied models too.
QuantizationTargets select_targets(const ModelConfig& model, const std::vector<std::string>& ignore);

}  // namespace presswork::modelkit
