// Qwen 2 and 2.5: Llama with biases on q, k and v, and windows above some layer where they are switched on.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_qwen2(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = true;
  model.output_bias = false;
  read_upper_windows(config, model);
}

}  // namespace

const Architecture kQwen2{.name = "Qwen2ForCausalLM", .configure = configure_qwen2};

}  // namespace presswork::modelkit
