// Qwen 3: Llama with a norm on each head of q and k, and a head width of its own.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_qwen3(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  if (!config.has("head_dim")) model.head_dim = 128;
  read_upper_windows(config, model);
}

}  // namespace

const Architecture kQwen3{
    .name = "Qwen3ForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm"},
    .configure = configure_qwen3,
};

}  // namespace presswork::modelkit
