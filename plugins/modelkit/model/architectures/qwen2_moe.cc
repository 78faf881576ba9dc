// Qwen 1.5 and 2 with a mixture of experts, and one more that every token passes through a gate of its own.
#include <algorithm>

#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure(const ConfigReader& config, ModelConfig& model) {
  model.qkv_bias = config.boolean("qkv_bias", true);
  model.output_bias = false;
  model.experts.count = config.size(config.present({"num_experts", "num_local_experts"}), 1 << 20);
  model.experts.chosen = config.size("num_experts_per_tok", 1 << 20);
  model.experts.intermediate = config.size("moe_intermediate_size", 1 << 30);
  model.experts.normalized = config.boolean("norm_topk_prob", false);
  model.experts.shared_intermediate = config.size("shared_expert_intermediate_size", 1 << 30);

  const std::int64_t step =
      config.has("decoder_sparse_step") ? config.size("decoder_sparse_step", 1 << 20) : 1;
  const auto dense = config.integers("mlp_only_layers");
  for (std::int64_t i = 0; i < model.layers; ++i) {
    model.kinds[static_cast<std::size_t>(i)].experts =
        (i + 1) % step == 0 && std::find(dense.begin(), dense.end(), i) == dense.end();
  }

  if (!config.boolean("use_sliding_window", false)) return;
  const std::int64_t first = config.integer("max_window_layers", 28);
  read_windows(config, model, [first](std::int64_t layer) { return layer >= first; });
}

}  // namespace

const Architecture kQwen2Moe{
    .name = "Qwen2MoeForCausalLM",
    .layer = {.router = "mlp.gate",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj",
              .shared_gate = "mlp.shared_expert.gate_proj",
              .shared_up = "mlp.shared_expert.up_proj",
              .shared_down = "mlp.shared_expert.down_proj",
              .shared_router = "mlp.shared_expert_gate"},
    .configure = configure,
};

}  // namespace presswork::modelkit
