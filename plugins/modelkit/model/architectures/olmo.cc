// OLMo 1: layer norms without weights, and a limit on q, k and v.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_olmo(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .weight = false};
  model.norm_eps = 1e-5;  // fixed in its code
  model.qkv_limit = config.number("clip_qkv", 0);
}

}  // namespace

const Architecture kOlmo{.name = "OlmoForCausalLM", .configure = configure_olmo};

}  // namespace presswork::modelkit
