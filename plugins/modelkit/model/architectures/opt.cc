// OPT: learned positions instead of rope, layer norms, biases everywhere, and an MLP without a gate.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_opt(const ConfigReader& config, ModelConfig& model) {
  if (!config.boolean("do_layer_norm_before", true) ||
      !config.boolean("layer_norm_elementwise_affine", true) ||
      config.boolean("_remove_final_layer_norm", false) ||
      config.integer("word_embed_proj_dim", model.hidden) != model.hidden) {
    throw Error("unsupported", "this arrangement of OPT (that of opt-350m) is not supported", config.where(),
                "supported: norms with weights before each block, embeddings as wide as the layers");
  }
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = model.output_bias = model.mlp_bias = config.boolean("enable_bias", true);
  model.kv_heads = model.heads;
  for (LayerKind& kind : model.kinds) kind.rope = LayerRope::None;
}

}  // namespace

const Architecture kOpt{
    .name = "OPTForCausalLM",
    .layer = {.input_norm = "self_attn_layer_norm",
              .mlp_norm = "final_layer_norm",
              .o = "self_attn.out_proj",
              .gate = {},
              .up = "fc1",
              .down = "fc2"},
    .embedding = "model.decoder.embed_tokens",
    .positions = "model.decoder.embed_positions",
    .first_position = 2,
    .layers = "model.decoder.layers",
    .final_norm = "model.decoder.final_layer_norm",
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .activation = Activation::Relu,
    .configure = configure_opt,
};

}  // namespace presswork::modelkit
