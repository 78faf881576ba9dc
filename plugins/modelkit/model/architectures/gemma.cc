// Gemma 1: Llama with wide heads, scaled embeddings and norms of 1 + weight.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/gemma_family.h"

namespace presswork::modelkit {
namespace {

void configure_first_gemma(const ConfigReader& config, ModelConfig& model) {
  configure_gemma(config, model);
  // Its first config.json files say "gelu" and mean the approximation, as transformers reads them.
  if (!config.has("hidden_activation")) model.activation = Activation::GeluTanh;
}

}  // namespace

const Architecture kGemma{
    .name = "GemmaForCausalLM",
    .tied_embeddings = true,
    .activation = Activation::GeluTanh,
    .configure = configure_first_gemma,
};

}  // namespace presswork::modelkit
