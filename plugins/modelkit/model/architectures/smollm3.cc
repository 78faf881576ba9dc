// SmolLM 3: Llama without rope in every fourth layer.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_smollm3(const ConfigReader& config, ModelConfig& model) {
  read_windows(config, model, [](std::int64_t) { return false; });
  // A list of 1 where a layer has rope, whatever its name says.
  const auto with_rope = config.integers("no_rope_layers");
  const std::int64_t interval =
      config.has("no_rope_layer_interval") ? config.size("no_rope_layer_interval", 1 << 20) : 4;
  for (std::size_t i = 0; i < model.kinds.size(); ++i) {
    const bool rotates =
        i < with_rope.size() ? with_rope[i] != 0 : (static_cast<std::int64_t>(i) + 1) % interval != 0;
    model.kinds[i].rope = rotates ? LayerRope::Main : LayerRope::None;
  }
}

}  // namespace

const Architecture kSmolLm3{
    .name = "SmolLM3ForCausalLM",
    .tied_embeddings = true,
    .rope_theta = 2e6,
    .configure = configure_smollm3,
};

}  // namespace presswork::modelkit
