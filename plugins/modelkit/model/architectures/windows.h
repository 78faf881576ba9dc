// Which layers look at a window only: what several architectures share.
#pragma once

#include <cstdint>
#include <functional>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// Layers that see only the last `sliding_window` keys: those that "layer_types" calls sliding_attention, or,
// in a config.json without it, those for which `slides` holds. No window at all when sliding_window is null
// or use_sliding_window false. Throws "unsupported" for other layer types.
void read_windows(const ConfigReader& config, ModelConfig& model,
                  const std::function<bool(std::int64_t layer)>& slides);

// Qwen's rule: no window unless use_sliding_window is true; then in the layers from max_window_layers on.
void read_upper_windows(const ConfigReader& config, ModelConfig& model);

}  // namespace presswork::modelkit
