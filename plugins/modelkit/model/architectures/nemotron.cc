// Nemotron 3 and 4, Minitron: layer norms of 1 + weight, an MLP without a gate and with squared ReLU.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_nemotron(const ConfigReader& /*config*/, ModelConfig& model) {
  model.norm = {.centred = true, .plus_one = true, .bias = true};
}

}  // namespace

const Architecture kNemotron{
    .name = "NemotronForCausalLM",
    .layer = {.gate = {}},
    .norm_eps = 1e-5,
    .partial_rotary_factor = 0.5,
    .activation = Activation::ReluSquared,
    .configure = configure_nemotron,
};

}  // namespace presswork::modelkit
