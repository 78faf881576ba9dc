// ERNIE 4.5 with a mixture of experts: a softmax with a bias for choosing, experts that every token passes.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/routed_experts.h"

namespace presswork::modelkit {
namespace {

void configure_ernie4_5_moe(const ConfigReader& config, ModelConfig& model) {
  if (config.boolean("use_bias", false)) {
    throw Error("unsupported", "biases beside experts without them are not supported",
                config.where() + "/use_bias", "supported: models without biases, as all released ones are");
  }
  model.rope_interleaved = true;
  const std::int64_t width = config.size("moe_intermediate_size", 1 << 30);
  model.experts = {.count = config.size("moe_num_experts", 1 << 20),
                   .chosen = config.size(config.present({"moe_k", "num_experts_per_tok"}), 1 << 20),
                   .intermediate = width,
                   .shared_intermediate = read_shared_width(config, "moe_num_shared_experts", 2, width),
                   .bias_is_row = true};
  const std::int64_t first = config.integer("moe_layer_start_index", 1);
  const std::int64_t last = config.integer("moe_layer_end_index", -1);
  const std::int64_t interval =
      config.has("moe_layer_interval") ? config.size("moe_layer_interval", 1 << 20) : 1;
  for (std::int64_t i = 0; i < model.layers; ++i) {
    model.kinds[static_cast<std::size_t>(i)].experts =
        (i + 1) % interval == 0 && i >= first && (last < 0 || i <= last);
  }
}

}  // namespace

const Architecture kErnie45Moe{
    .name = "Ernie4_5_MoeForCausalLM",
    .layer = {.router = "mlp.gate",
              .router_bias = "mlp.moe_statics.e_score_correction_bias",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj",
              .shared_gate = "mlp.shared_experts.gate_proj",
              .shared_up = "mlp.shared_experts.up_proj",
              .shared_down = "mlp.shared_experts.down_proj"},
    .tied_embeddings = true,
    .norm_eps = 1e-5,
    .rope_theta = 500000.0,
    .configure = configure_ernie4_5_moe,
};

}  // namespace presswork::modelkit
