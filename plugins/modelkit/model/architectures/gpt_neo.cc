// GPT-Neo: learned positions instead of rope, layer norms, scores that are not scaled, windows in the layers
// that config.json calls local.
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_gpt_neo(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.output_bias = model.mlp_bias = true;
  model.attention_scale = 1.0;
  if (model.intermediate == 0) model.intermediate = 4 * model.hidden;
  const std::vector<std::string> layers = config.texts("attention_layers");
  if (layers.size() != model.kinds.size()) {
    throw Error("corrupt_file", "must say \"global\" or \"local\" for each layer",
                config.where() + "/attention_layers");
  }
  const std::int64_t window =
      config.has("window_size") ? config.size("window_size", std::int64_t{1} << 40) : 256;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    model.kinds[i].rope = LayerRope::None;
    if (layers[i] == "local") model.kinds[i].window = window;
  }
}

}  // namespace

const Architecture kGptNeo{
    .name = "GPTNeoForCausalLM",
    .layer = {.input_norm = "ln_1",
              .mlp_norm = "ln_2",
              .q = "attn.attention.q_proj",
              .k = "attn.attention.k_proj",
              .v = "attn.attention.v_proj",
              .o = "attn.attention.out_proj",
              .gate = {},
              .up = "mlp.c_fc",
              .down = "mlp.c_proj"},
    .embedding = "transformer.wte",
    .positions = "transformer.wpe",
    .layers = "transformer.h",
    .final_norm = "transformer.ln_f",
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .activation = Activation::GeluTanh,
    .configure = configure_gpt_neo,
};

}  // namespace presswork::modelkit
