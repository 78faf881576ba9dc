// Qwen 3 with a mixture of experts.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/qwen_experts.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_qwen3_moe(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  read_qwen_experts(config, model);
  if (config.boolean("use_sliding_window", false))
    read_windows(config, model, [](std::int64_t) { return true; });
}

}  // namespace

const Architecture kQwen3Moe{
    .name = "Qwen3MoeForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm",
              .router = "mlp.gate",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj"},
    .configure = configure_qwen3_moe,
};

}  // namespace presswork::modelkit
