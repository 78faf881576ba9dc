// Command R7B and A: Command R with a window in three of four layers, and no rope in the others.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/cohere_family.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_cohere2(const ConfigReader& config, ModelConfig& model) {
  configure_cohere(config, model);
  const std::int64_t pattern =
      config.has("sliding_window_pattern") ? config.size("sliding_window_pattern", 1 << 20) : 4;
  read_windows(config, model, [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  for (LayerKind& kind : model.kinds) {
    if (kind.window == 0) kind.rope = LayerRope::None;
  }
}

}  // namespace

const Architecture kCohere2{
    .name = "Cohere2ForCausalLM",
    .layer = {.mlp_norm = {}},
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .configure = configure_cohere2,
};

}  // namespace presswork::modelkit
