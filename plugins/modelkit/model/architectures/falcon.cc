// Falcon: attention and MLP side by side, one key-value head (7B) or a few (40B, 11B).
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_falcon(const ConfigReader& config, ModelConfig& model) {
  if (config.boolean("alibi", false)) {
    throw Error("unsupported", "Falcon with ALiBi is not supported", config.where() + "/alibi",
                "supported: Falcon with rope (7B, 11B, 40B, 180B)");
  }
  const bool grouped = config.boolean("new_decoder_architecture", false);
  model.parallel = grouped || config.boolean("parallel_attn", true);
  model.norm = {.centred = true, .bias = true};
  model.fused_order = FusedOrder::ByGroup;
  model.qkv_bias = model.output_bias = model.mlp_bias = config.boolean("bias", false);
  if (!config.has("ffn_hidden_size")) model.intermediate = 4 * model.hidden;
  if (!grouped) {
    model.kv_heads = config.boolean("multi_query", true) ? 1 : model.heads;
  } else if (config.has("num_kv_heads")) {
    model.kv_heads = config.size("num_kv_heads", 1 << 20);
  }
  if (grouped && config.integer("num_ln_in_parallel_attn", 2) == 2) {
    model.modules.input_norm = "ln_attn";
    model.modules.mlp_norm = "ln_mlp";
  } else if (model.parallel) {
    model.modules.mlp_norm = {};
  }
}

}  // namespace

const Architecture kFalcon{
    .name = "FalconForCausalLM",
    .layer = {.qkv = "self_attention.query_key_value",
              .o = "self_attention.dense",
              .gate = {},
              .up = "mlp.dense_h_to_4h",
              .down = "mlp.dense_4h_to_h"},
    .embedding = "transformer.word_embeddings",
    .layers = "transformer.h",
    .final_norm = "transformer.ln_f",
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .activation = Activation::Gelu,
    .configure = configure_falcon,
};

}  // namespace presswork::modelkit
