// StarCoder 2: layer norms, biases everywhere, and an MLP without a gate.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_starcoder2(const ConfigReader& config, ModelConfig& model) {
  model.norm = {.centred = true, .bias = true};
  model.qkv_bias = model.output_bias = model.mlp_bias = config.boolean("use_bias", true);
  read_windows(config, model, [](std::int64_t) { return true; });
}

}  // namespace

const Architecture kStarcoder2{
    .name = "Starcoder2ForCausalLM",
    .layer = {.gate = {}, .up = "mlp.c_fc", .down = "mlp.c_proj"},
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .activation = Activation::GeluTanh,
    .configure = configure_starcoder2,
};

}  // namespace presswork::modelkit
