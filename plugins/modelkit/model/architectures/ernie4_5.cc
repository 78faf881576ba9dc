// ERNIE 4.5 (dense): Llama with interleaved rope.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_ernie4_5(const ConfigReader& config, ModelConfig& model) {
  model.rope_interleaved = true;
  model.qkv_bias = model.output_bias = model.mlp_bias = config.boolean("use_bias", false);
  if (!config.has("head_dim")) model.head_dim = 128;
}

}  // namespace

const Architecture kErnie45{
    .name = "Ernie4_5ForCausalLM",
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .rope_theta = 500000.0,
    .configure = configure_ernie4_5,
};

}  // namespace presswork::modelkit
