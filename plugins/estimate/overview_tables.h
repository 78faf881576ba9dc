// The figures of estimate/overview, and the tables that show them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugins/modelkit/estimate/effects.h"
#include "plugins/modelkit/estimate/gpu_catalogue.h"
#include "plugins/modelkit/estimate/memory.h"
#include "plugins/modelkit/estimate/weight_formats.h"

namespace presswork {

template <class Effect>
struct Named {
  std::string name;
  Effect effect;
};

struct Card {
  modelkit::Gpu gpu;
  modelkit::GpuMatch inference, training;
};

struct Overview {
  modelkit::InferenceShape guide, exact;
  modelkit::InferenceMemory inference, inference_exact;
  modelkit::TrainingMemory training;
  std::string training_precision;
  std::vector<Card> cards;
  std::vector<Named<modelkit::Bandwidth>> bandwidths;
  std::vector<Named<modelkit::QuantizationEffect>> quantizations;
  std::vector<Named<modelkit::PruningEffect>> prunings;
  std::vector<modelkit::FormatSize> formats;
  std::optional<double> stored_bytes;  // of a model folder
  double sparsity = 0, step_seconds = 1;
  int num_gpus = 1;
};

// The stage's metrics, but for the tables.
nlohmann::json figures_of(const Overview& overview);

// [{"title", "columns": [names], "rows": [[texts]]}]
nlohmann::json tables_of(const Overview& overview);

}  // namespace presswork
