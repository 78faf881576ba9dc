// Hunyuan (dense): Llama with norms on each head of q and k, after the rope.
#include <cmath>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

// Its "dynamic" scaling with an alpha is a larger base for any length, not a matter of the length.
void read_alpha(const ConfigReader& config, ModelConfig& model) {
  const ConfigReader scaling = config.object(config.present({"rope_parameters", "rope_scaling"}));
  const auto alpha = scaling.optional_number("alpha");
  if (!alpha || model.rope.kind != RopeKind::Dynamic || model.head_dim <= 2) return;
  const auto width = static_cast<double>(model.head_dim);
  model.rope.kind = RopeKind::Default;
  model.rope.theta *= std::pow(*alpha, width / (width - 2));
}

void configure_hunyuan(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  model.qk_norm_after_rope = true;
  read_alpha(config, model);
}

}  // namespace

const Architecture kHunyuan{
    .name = "HunYuanDenseV1ForCausalLM",
    .layer = {.q_norm = "self_attn.query_layernorm", .k_norm = "self_attn.key_layernorm"},
    .norm_eps = 1e-5,
    .configure = configure_hunyuan,
};

}  // namespace presswork::modelkit
