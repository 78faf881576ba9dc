// CWM (code world model): Llama with a window in three of four layers.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_cwm(const ConfigReader& config, ModelConfig& model) {
  if (!config.has("head_dim")) model.head_dim = 128;
  read_windows(config, model, [](std::int64_t layer) { return layer % 4 != 0; });
}

}  // namespace

const Architecture kCwm{
    .name = "CwmForCausalLM",
    .norm_eps = 1e-5,
    .rope_theta = 1e6,
    .configure = configure_cwm,
};

}  // namespace presswork::modelkit
