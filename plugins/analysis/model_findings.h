// What analyze/model finds in the weights, in a run over a text, and what it advises.
#pragma once

#include <filesystem>
#include <optional>

#include "plugins/modelkit/model/model_source.h"
#include "presswork/stage.hpp"

namespace presswork::analysis {

// Statistics, histogram and rounding errors of every linear, duplicates and dead weights among them:
// {"modules", "duplicates", "summary"}.
Json weight_findings(const Context& context, const modelkit::ModelSource& model);

// Statistics of the inputs of every linear: {"modules", "windows", "bundled", "summary"}.
Json activation_findings(const Context& context, const modelkit::ModelSource& model,
                         const std::optional<std::filesystem::path>& calibration);

// Rises of the perplexity: {"model": {name: {"loss_percent", "layers"}}, "windows"}.
Json sensitivity_findings(const Context& context, const modelkit::ModelSource& model,
                          const std::filesystem::path& text);

// What compressing may bring by each way, {"formats", "quantization", "pruning"}, and advice with its
// reasons,
// [{"advice", "reason"}], out of what the analysis holds so far.
Json potential_of(const modelkit::ModelSource& model, const Json& analysis);
Json recommendations_of(const Json& analysis);

}  // namespace presswork::analysis
