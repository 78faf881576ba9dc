// What both generations of Command R share.
#pragma once

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// Attention and MLP side by side, layer norms without bias, interleaved rope, scaled logits.
void configure_cohere(const ConfigReader& config, ModelConfig& model);

}  // namespace presswork::modelkit
