// Seed-OSS: Llama with biases on q, k and v.
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {
namespace {

void configure_seed_oss(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = config.boolean("attention_bias", true);
  model.output_bias = config.boolean("attention_out_bias", false);
  if (!config.has("head_dim")) model.head_dim = 128;
}

}  // namespace

const Architecture kSeedOss{.name = "SeedOssForCausalLM", .configure = configure_seed_oss};

}  // namespace presswork::modelkit
