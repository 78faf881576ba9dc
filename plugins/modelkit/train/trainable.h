// Which models the backward pass of train/ knows.
#pragma once

#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// Throws "unsupported" that names the feature of the architecture which has no backward here. What is known
// is Llama's shape: RMSNorm before attention and before a gated MLP, separate linears (with or without
// biases), any rope, grouped queries, sliding windows.
void require_trainable_layers(const ModelConfig& model);

// The same for what comes behind the layers, which training end to end goes through.
void require_trainable_head(const ModelConfig& model);

}  // namespace presswork::modelkit
