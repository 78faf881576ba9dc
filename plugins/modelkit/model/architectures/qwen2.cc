// Qwen 2 and 2.5: Llama with biases on q, k and v, and windows above some layer where they are switched on.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = true;
  model.output_bias = false;
  if (!config.boolean("use_sliding_window", false)) return;
  const std::int64_t first = config.integer("max_window_layers", 28);
  read_windows(config, model, [first](std::int64_t layer) { return layer >= first; });
}

}  // namespace

const Architecture kQwen2{.name = "Qwen2ForCausalLM", .configure = configure};

}  // namespace presswork::modelkit
