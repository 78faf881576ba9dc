// What the generations of Gemma share.
#pragma once

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// All: norms of 1 + weight, embeddings times sqrt(hidden), heads of 256.
void configure_gemma(const ConfigReader& config, ModelConfig& model);

// From the second on also: scores scaled by query_pre_attn_scalar, and soft caps.
void configure_capped_gemma(const ConfigReader& config, ModelConfig& model);

}  // namespace presswork::modelkit
