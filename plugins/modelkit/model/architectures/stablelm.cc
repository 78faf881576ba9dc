// StableLM: Llama with layer norms and a rope on a part of each head; in some attention and MLP side by side,
// and a norm for each head of q and k.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_stablelm(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = config.boolean("use_qkv_bias", false);
  model.output_bias = false;
  if (config.boolean("qk_layernorm", false)) {
    model.qk_norm = QkNorm::OwnHead;
    model.qk_norm_style = {.centred = true};
  }
  if (config.boolean("use_parallel_residual", false)) {
    model.parallel = true;
    model.modules.mlp_norm = {};
  }
}

}  // namespace

const Architecture kStableLm{
    .name = "StableLmForCausalLM",
    .layer = {.q_norm = "self_attn.q_layernorm.norms.*", .k_norm = "self_attn.k_layernorm.norms.*"},
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.25,
    .configure = configure_stablelm,
};

}  // namespace presswork::modelkit
