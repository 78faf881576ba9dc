// Phi 1 and 2: attention and MLP side by side behind one layer norm, biases everywhere, also in the head.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_phi(const ConfigReader& config, ModelConfig& model) {
  model.parallel = true;
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = model.output_bias = model.mlp_bias = model.head_bias = true;
  if (config.boolean("qk_layernorm", false)) {
    model.qk_norm = QkNorm::Head;
    model.qk_norm_style = model.norm;
  }
}

}  // namespace

const Architecture kPhi{
    .name = "PhiForCausalLM",
    .layer = {.mlp_norm = {},
              .o = "self_attn.dense",
              .q_norm = "self_attn.q_layernorm",
              .k_norm = "self_attn.k_layernorm",
              .gate = {},
              .up = "mlp.fc1",
              .down = "mlp.fc2"},
    .final_norm = "model.final_layernorm",
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.5,
    .activation = Activation::GeluTanh,
    .configure = configure_phi,
};

}  // namespace presswork::modelkit
