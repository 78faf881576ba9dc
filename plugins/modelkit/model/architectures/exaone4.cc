// EXAONE 4: norms after the blocks and on each head of q and k; with windows, the layers that see everything
// have no rope.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_exaone4(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  if (!config.has("sliding_window")) return;
  // Beside layer_types the pattern may be a text ("LLLG"), which says the same.
  const bool given = !config.has("layer_types") && config.has("sliding_window_pattern");
  const std::int64_t pattern = given ? config.size("sliding_window_pattern", 1 << 20) : 4;
  read_windows(config, model, [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  for (LayerKind& kind : model.kinds) {
    if (kind.window == 0) kind.rope = LayerRope::None;
  }
}

}  // namespace

const Architecture kExaone4{
    .name = "Exaone4ForCausalLM",
    .layer = {.input_norm = {},
              .attention_norm = "post_attention_layernorm",
              .mlp_norm = {},
              .mlp_output_norm = "post_feedforward_layernorm",
              .q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm"},
    .norm_eps = 1e-5,
    .configure = configure_exaone4,
};

}  // namespace presswork::modelkit
