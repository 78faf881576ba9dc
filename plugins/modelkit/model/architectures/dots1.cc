// dots.llm1: norms on the heads of q and k, experts behind a few dense layers, windows in the upper layers.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/routed_experts.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_dots1(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  read_routed_experts(config, model, {});
  const std::int64_t first = config.integer("max_window_layers", 62);
  read_windows(config, model, [first](std::int64_t layer) { return layer >= first; });
}

}  // namespace

const Architecture kDots1{
    .name = "Dots1ForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm",
              .router = "mlp.gate",
              .router_bias = "mlp.gate.e_score_correction_bias",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj",
              .shared_gate = "mlp.shared_experts.gate_proj",
              .shared_up = "mlp.shared_experts.up_proj",
              .shared_down = "mlp.shared_experts.down_proj"},
    .configure = configure_dots1,
};

}  // namespace presswork::modelkit
