// Gemma 3 (text): Gemma 2 with norms on q and k instead of soft caps, and five layers with a window and a
// rope of their own for each one that sees everything.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/gemma_family.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_gemma3(const ConfigReader& config, ModelConfig& model) {
  configure_capped_gemma(config, model);
  model.qk_norm = QkNorm::Head;
  model.qk_norm_style.plus_one = true;
  const char* key = config.present({"sliding_window_pattern", "_sliding_window_pattern"});
  const std::int64_t pattern = config.has(key) ? config.size(key, 1 << 20) : 6;
  read_windows(config, model, [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  if (!model.local_rope) model.local_rope = Rope{};  // its base is 10,000, whatever the other's is
  for (LayerKind& kind : model.kinds) {
    if (kind.window != 0) kind.rope = LayerRope::Local;
  }
}

}  // namespace

const Architecture kGemma3{
    .name = "Gemma3ForCausalLM",
    .layer = {.attention_norm = "post_attention_layernorm",
              .mlp_norm = "pre_feedforward_layernorm",
              .mlp_output_norm = "post_feedforward_layernorm",
              .q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm"},
    .tied_embeddings = true,
    .rope_theta = 1e6,
    .activation = Activation::GeluTanh,
    .configure = configure_gemma3,
};

}  // namespace presswork::modelkit
