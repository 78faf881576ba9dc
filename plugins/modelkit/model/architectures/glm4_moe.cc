// GLM 4.5 and later: experts behind a few dense layers, one more that every token passes, rope on half of
// each head.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/routed_experts.h"

namespace presswork::modelkit {
namespace {

void configure_glm4_moe(const ConfigReader& config, ModelConfig& model) {
  model.output_bias = false;
  if (config.boolean("use_qk_norm", false)) {
    model.qk_norm = QkNorm::Head;
  } else {
    model.modules.q_norm = model.modules.k_norm = {};
  }
  read_routed_experts(config, model, {.dense = 1, .shared = 1, .normalized = true});
}

}  // namespace

const Architecture kGlm4Moe{
    .name = "Glm4MoeForCausalLM",
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
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.5,
    .configure = configure_glm4_moe,
};

}  // namespace presswork::modelkit
