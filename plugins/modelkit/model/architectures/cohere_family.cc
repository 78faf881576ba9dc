#include "plugins/modelkit/model/architectures/cohere_family.h"

namespace presswork::modelkit {

void configure_cohere(const ConfigReader& config, ModelConfig& model) {
  model.parallel = true;
  model.norm = {.centred = true};
  model.rope_interleaved = true;
  model.logit_scale = config.number("logit_scale", 0.0625);
}

}  // namespace presswork::modelkit
