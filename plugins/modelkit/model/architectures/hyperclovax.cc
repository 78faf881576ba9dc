// HyperCLOVA X: factors as Granite's, but for the logits, which are multiplied; norms after the blocks as
// well as before.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_hyperclovax(const ConfigReader& config, ModelConfig& model) {
  model.embedding_scale = config.number("embedding_multiplier", 1.0);
  model.residual_scale = config.number("residual_multiplier", 1.0);
  model.logit_scale = config.number("logits_scaling", 1.0);
  model.attention_scale = config.optional_number("attention_multiplier");
  if (!config.boolean("use_post_norm", true)) {
    model.modules.attention_norm = model.modules.mlp_output_norm = {};
  }
}

}  // namespace

const Architecture kHyperClovaX{
    .name = "HyperCLOVAXForCausalLM",
    .layer = {.attention_norm = "post_norm1", .mlp_output_norm = "post_norm2"},
    .configure = configure_hyperclovax,
};

}  // namespace presswork::modelkit
