// Qwen 1.5 and 2 with a mixture of experts, and one more that every token passes through a gate of its own.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/qwen_experts.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_qwen2_moe(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = config.boolean("qkv_bias", true);
  model.output_bias = false;
  read_qwen_experts(config, model);
  model.experts.shared_intermediate = config.size("shared_expert_intermediate_size", 1 << 30);
  read_upper_windows(config, model);
}

}  // namespace

const Architecture kQwen2Moe{
    .name = "Qwen2MoeForCausalLM",
    .layer = {.router = "mlp.gate",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj",
              .shared_gate = "mlp.shared_expert.gate_proj",
              .shared_up = "mlp.shared_expert.up_proj",
              .shared_down = "mlp.shared_expert.down_proj",
              .shared_router = "mlp.shared_expert_gate"},
    .configure = configure_qwen2_moe,
};

}  // namespace presswork::modelkit
