// OLMoE: a mixture of experts in every layer, one norm over the whole of q and of k.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_olmoe(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Whole;
  model.qkv_limit = config.number("clip_qkv", 0);
  model.experts.count = config.size("num_experts", 1 << 20);
  model.experts.chosen = config.size("num_experts_per_tok", 1 << 20);
  model.experts.intermediate = model.intermediate;
  model.experts.normalized = config.boolean("norm_topk_prob", false);
  for (LayerKind& kind : model.kinds) kind.experts = true;
}

}  // namespace

const Architecture kOlmoe{
    .name = "OlmoeForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm",
              .router = "mlp.gate",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj"},
    .norm_eps = 1e-5,
    .configure = configure_olmoe,
};

}  // namespace presswork::modelkit
