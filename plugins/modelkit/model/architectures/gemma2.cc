// Gemma 2: norms before and after both blocks, soft caps on scores and logits, every other layer a window.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/gemma_family.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_gemma2(const ConfigReader& config, ModelConfig& model) {
  configure_capped_gemma(config, model);
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
    .configure = configure_gemma2,
};

}  // namespace presswork::modelkit
