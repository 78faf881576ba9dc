// OLMo 3: OLMo 2 with a window in three of four layers, whose rope is never scaled.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_olmo3(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Whole;
  read_windows(config, model, [](std::int64_t layer) { return (layer + 1) % 4 != 0; });
  if (!model.local_rope) {
    model.local_rope = Rope{};
    model.local_rope->theta = model.rope.theta;
  }
  for (LayerKind& kind : model.kinds) {
    if (kind.window != 0) kind.rope = LayerRope::Local;
  }
}

}  // namespace

const Architecture kOlmo3{
    .name = "Olmo3ForCausalLM",
    .layer = {.input_norm = {},
              .attention_norm = "post_attention_layernorm",
              .mlp_norm = {},
              .mlp_output_norm = "post_feedforward_layernorm",
              .q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm"},
    .norm_eps = 1e-5,
    .configure = configure_olmo3,
};

}  // namespace presswork::modelkit
