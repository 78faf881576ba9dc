// OLMo 2: norms after attention and MLP instead of before, and one over the whole of q and of k.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_olmo2(const ConfigReader& /*config*/, ModelConfig& model) { model.qk_norm = QkNorm::Whole; }

}  // namespace

const Architecture kOlmo2{
    .name = "Olmo2ForCausalLM",
    .layer = {.input_norm = {},
              .attention_norm = "post_attention_layernorm",
              .mlp_norm = {},
              .mlp_output_norm = "post_feedforward_layernorm",
              .q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm"},
    .norm_eps = 1e-5,
    .configure = configure_olmo2,
};

}  // namespace presswork::modelkit
