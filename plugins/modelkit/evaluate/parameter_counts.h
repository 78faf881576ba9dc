// Where a model's parameters are.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

struct ParameterCounts {
  std::int64_t total = 0;  // a head tied to the embedding counts once
  // "embedding", "attention", "mlp", "norm", "head"; and "other" for what is none of these.
  std::map<std::string, std::int64_t> by_kind;
  std::map<std::string, std::int64_t> by_module;  // "self_attn.q_proj": all layers' together
  std::vector<std::int64_t> by_layer;
};

// Quantized weights count as the matrices that they stand for.
ParameterCounts count_parameters(const ModelConfig& model);

}  // namespace presswork::modelkit
