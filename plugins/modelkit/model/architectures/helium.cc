// Helium: Llama with interleaved rope, and no bias on attention's output.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_helium(const ConfigReader& /*config*/, ModelConfig& model) {
  model.rope_interleaved = true;
  model.output_bias = false;
}

}  // namespace

const Architecture kHelium{
    .name = "HeliumForCausalLM",
    .norm_eps = 1e-8,
    .rope_theta = 100000.0,
    .configure = configure_helium,
};

}  // namespace presswork::modelkit
