// Jais 2: layer norms, biases everywhere, an MLP without a gate and with squared ReLU.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_jais2(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = model.output_bias = config.boolean("attention_bias", true);
  model.mlp_bias = config.boolean("mlp_bias", true);
}

}  // namespace

const Architecture kJais2{
    .name = "Jais2ForCausalLM",
    .layer = {.gate = {}},
    .norm_eps = 1e-5,
    .activation = Activation::ReluSquared,
    .configure = configure_jais2,
};

}  // namespace presswork::modelkit
