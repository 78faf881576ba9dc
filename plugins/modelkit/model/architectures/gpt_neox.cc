// GPT-NeoX and Pythia: attention and MLP side by side, each behind a layer norm of its own; q, k and v of a
// head lie together.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_gpt_neox(const ConfigReader& config, ModelConfig& model) {
  model.parallel = config.boolean("use_parallel_residual", true);
  model.norm = {.centred = true, .bias = true};
  model.fused_order = FusedOrder::ByGroup;
  model.qkv_bias = model.output_bias = config.boolean("attention_bias", true);
  model.mlp_bias = true;
}

}  // namespace

const Architecture kGptNeoX{
    .name = "GPTNeoXForCausalLM",
    .layer = {.qkv = "attention.query_key_value",
              .o = "attention.dense",
              .gate = {},
              .up = "mlp.dense_h_to_4h",
              .down = "mlp.dense_4h_to_h"},
    .embedding = "gpt_neox.embed_in",
    .layers = "gpt_neox.layers",
    .final_norm = "gpt_neox.final_layer_norm",
    .head = "embed_out",
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.25,
    .activation = Activation::Gelu,
    .configure = configure_gpt_neox,
};

}  // namespace presswork::modelkit
