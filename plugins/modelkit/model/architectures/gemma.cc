// Gemma 1: Llama with wide heads, scaled embeddings and norms of 1 + weight.
#include <cmath>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure(const ConfigReader& config, ModelConfig& model) {
  model.norm.plus_one = true;
  model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
  // Its first config.json files say "gelu" and mean the approximation, as transformers reads them.
  if (!config.has("hidden_activation")) model.activation = Activation::GeluTanh;
  if (!config.has("head_dim")) model.head_dim = 256;
}

}  // namespace

const Architecture kGemma{
    .name = "GemmaForCausalLM",
    .tied_embeddings = true,
    .activation = Activation::GeluTanh,
    .configure = configure,
};

}  // namespace presswork::modelkit
