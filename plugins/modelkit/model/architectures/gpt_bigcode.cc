// GPT-BigCode (StarCoder 1, SantaCoder): learned positions, one key-value head for all queries.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_gpt_bigcode(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = model.output_bias = model.mlp_bias = true;
  model.fused_order = FusedOrder::ByGroup;
  model.kv_heads = config.boolean("multi_query", true) ? 1 : model.heads;
  if (!config.has("n_inner")) model.intermediate = 4 * model.hidden;
  if (!config.boolean("scale_attn_weights", true)) model.attention_scale = 1.0;
  for (LayerKind& kind : model.kinds) kind.rope = LayerRope::None;
}

}  // namespace

const Architecture kGptBigCode{
    .name = "GPTBigCodeForCausalLM",
    .layer = {.input_norm = "ln_1",
              .mlp_norm = "ln_2",
              .qkv = "attn.c_attn",
              .o = "attn.c_proj",
              .gate = {},
              .up = "mlp.c_fc",
              .down = "mlp.c_proj"},
    .embedding = "transformer.wte",
    .positions = "transformer.wpe",
    .layers = "transformer.h",
    .final_norm = "transformer.ln_f",
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .activation = Activation::GeluTanh,
    .configure = configure_gpt_bigcode,
};

}  // namespace presswork::modelkit
