// Which layers of Qwen's mixtures have experts, and how many: what both generations share.
#pragma once

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// Fills in `experts`, less a shared one, and the layers that have them: every decoder_sparse_step-th, but for
// those of mlp_only_layers.
void read_qwen_experts(const ConfigReader& config, ModelConfig& model);

}  // namespace presswork::modelkit
