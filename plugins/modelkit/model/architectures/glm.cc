// GLM 4 (9B): Llama with a fused gate, and an interleaved rope on half of each head.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_glm(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = config.boolean("attention_bias", true);
  model.output_bias = false;
  model.rope_interleaved = true;
}

}  // namespace

const Architecture kGlm{
    .name = "GlmForCausalLM",
    .layer = {.gate_up = "mlp.gate_up_proj"},
    .norm_eps = 1.5625e-7,
    .partial_rotary_factor = 0.5,
    .configure = configure_glm,
};

}  // namespace presswork::modelkit
