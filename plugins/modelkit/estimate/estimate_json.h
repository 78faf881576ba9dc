// Estimates as JSON, by the names that the estimate/* stages give their metrics.
#pragma once

#include <nlohmann/json.hpp>

#include "plugins/modelkit/estimate/effects.h"
#include "plugins/modelkit/estimate/memory.h"

namespace presswork::modelkit {

nlohmann::json to_json(const TrainingMemory& memory);
nlohmann::json to_json(const InferenceMemory& memory);
nlohmann::json to_json(const GpuMatch& match);
nlohmann::json to_json(const QuantizationEffect& effect);
nlohmann::json to_json(const PruningEffect& effect, double sparsity);

}  // namespace presswork::modelkit
