// Persimmon and Fuyu's decoder: layer norms, also on each head of q and k, and a squared ReLU without a gate.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_persimmon(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.fused_order = FusedOrder::ByGroup;
  model.kv_heads = model.heads;
  model.qkv_bias = model.output_bias = model.mlp_bias = true;
  if (config.boolean("qk_layernorm", true)) {
    model.qk_norm = QkNorm::Head;
    model.qk_norm_style = model.norm;
  }
}

}  // namespace

const Architecture kPersimmon{
    .name = "PersimmonForCausalLM",
    .layer = {.qkv = "self_attn.query_key_value",
              .o = "self_attn.dense",
              .q_norm = "self_attn.q_layernorm",
              .k_norm = "self_attn.k_layernorm",
              .gate = {},
              .up = "mlp.dense_h_to_4h",
              .down = "mlp.dense_4h_to_h"},
    .final_norm = "model.final_layernorm",
    .norm_eps = 1e-5,
    .rope_theta = 25000.0,
    .partial_rotary_factor = 0.5,
    .activation = Activation::ReluSquared,
    .configure = configure_persimmon,
};

}  // namespace presswork::modelkit
