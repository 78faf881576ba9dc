// GLM 4 (0414): GLM with norms after attention and MLP too.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_glm4(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = config.boolean("attention_bias", false);
  model.output_bias = false;
  model.rope_interleaved = true;
}

}  // namespace

const Architecture kGlm4{
    .name = "Glm4ForCausalLM",
    .layer = {.attention_norm = "post_self_attn_layernorm",
              .mlp_output_norm = "post_mlp_layernorm",
              .gate_up = "mlp.gate_up_proj"},
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.5,
    .configure = configure_glm4,
};

}  // namespace presswork::modelkit
