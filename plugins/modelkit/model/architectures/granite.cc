// Granite 3: Llama with factors on embeddings, scores, residuals and logits.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_granite(const ConfigReader& config, ModelConfig& model) {
  model.embedding_scale = config.number("embedding_multiplier", 1.0);
  model.residual_scale = config.number("residual_multiplier", 1.0);
  model.attention_scale = config.number("attention_multiplier", 1.0);
  const double divisor = config.number("logits_scaling", 1.0);
  if (!(divisor > 0)) throw Error("corrupt_file", "must be positive", config.where() + "/logits_scaling");
  model.logit_scale = 1.0 / divisor;
}

}  // namespace

const Architecture kGranite{
    .name = "GraniteForCausalLM",
    .configure = configure_granite,
};

}  // namespace presswork::modelkit
