#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {

void read_windows(const ConfigReader& config, ModelConfig& model,
                  const std::function<bool(std::int64_t layer)>& slides) {
  if (!config.boolean("use_sliding_window", true) || !config.has("sliding_window")) return;
  const std::int64_t window = config.size("sliding_window", std::int64_t{1} << 40);
  const auto types = config.texts("layer_types");
  if (!types.empty() && types.size() != model.kinds.size()) {
    throw Error(
        "corrupt_file",
        "has " + std::to_string(types.size()) + " entries for " + std::to_string(model.layers) + " layers",
        config.where() + "/layer_types");
  }
  for (std::size_t i = 0; i < model.kinds.size(); ++i) {
    if (!types.empty() && types[i] != "sliding_attention" && types[i] != "full_attention") {
      throw Error("unsupported", "the layer type \"" + types[i] + "\" is not supported",
                  config.where() + "/layer_types", "supported: full_attention, sliding_attention");
    }
    const bool here = types.empty() ? slides(static_cast<std::int64_t>(i)) : types[i] == "sliding_attention";
    model.kinds[i].window = here ? window : 0;
  }
}

void read_upper_windows(const ConfigReader& config, ModelConfig& model) {
  if (!config.boolean("use_sliding_window", false)) return;
  const std::int64_t first = config.integer("max_window_layers", 28);
  read_windows(config, model, [first](std::int64_t layer) { return layer >= first; });
}

}  // namespace presswork::modelkit
