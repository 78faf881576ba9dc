// GPT-J: attention and MLP side by side behind one layer norm, interleaved rope on the first dimensions.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_gptj(const ConfigReader& config, ModelConfig& model) {
  model.parallel = true;
  model.norm = {.centred = true, .bias = true};
  model.mlp_bias = model.head_bias = true;
  if (model.intermediate == 0) model.intermediate = 4 * model.hidden;
  model.rope_interleaved = true;
  const double rotated =
      config.has("rotary_dim") ? static_cast<double>(config.size("rotary_dim", model.head_dim)) : 64.0;
  model.rope.partial_rotary_factor = rotated / static_cast<double>(model.head_dim);
}

}  // namespace

const Architecture kGptJ{
    .name = "GPTJForCausalLM",
    .layer = {.input_norm = "ln_1",
              .mlp_norm = {},
              .q = "attn.q_proj",
              .k = "attn.k_proj",
              .v = "attn.v_proj",
              .o = "attn.out_proj",
              .gate = {},
              .up = "mlp.fc_in",
              .down = "mlp.fc_out"},
    .embedding = "transformer.wte",
    .layers = "transformer.h",
    .final_norm = "transformer.ln_f",
    .norm_eps = 1e-5,
    .activation = Activation::GeluTanh,
    .configure = configure_gptj,
};

}  // namespace presswork::modelkit
