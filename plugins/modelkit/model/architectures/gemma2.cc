// Gemma 2: norms before and after both blocks, soft caps on scores and logits, every other layer a window.
#include <cmath>

#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure(const ConfigReader& config, ModelConfig& model) {
  model.norm.plus_one = true;
  model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
  if (!config.has("head_dim")) model.head_dim = 256;
  model.attention_scale = 1.0 / std::sqrt(config.number("query_pre_attn_scalar", 256));
  model.attention_softcap = config.number("attn_logit_softcapping", 0);
  model.logit_softcap = config.number("final_logit_softcapping", 0);
  read_windows(config, model, [](std::int64_t layer) { return layer % 2 == 0; });
}

}  // namespace

const Architecture kGemma2{
    .name = "Gemma2ForCausalLM",
    .layer = {.attention_norm = "post_attention_layernorm",
              .mlp_norm = "pre_feedforward_layernorm",
              .mlp_output_norm = "post_feedforward_layernorm"},
    .tied_embeddings = true,
    .activation = Activation::GeluTanh,
    .configure = configure,
};

}  // namespace presswork::modelkit
