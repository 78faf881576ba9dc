// Command R: attention and MLP side by side behind one layer norm, interleaved rope, scaled logits.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/cohere_family.h"

namespace presswork::modelkit {
namespace {

void configure_first_cohere(const ConfigReader& config, ModelConfig& model) {
  configure_cohere(config, model);
  if (config.boolean("use_qk_norm", false)) {
    model.qk_norm = QkNorm::OwnHead;
    model.qk_norm_style = {.centred = true};
  }
}

}  // namespace

const Architecture kCohere{
    .name = "CohereForCausalLM",
    .layer = {.mlp_norm = {}, .q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm"},
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .rope_theta = 500000.0,
    .configure = configure_first_cohere,
};

}  // namespace presswork::modelkit
