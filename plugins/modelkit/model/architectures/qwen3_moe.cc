// Qwen 3 with a mixture of experts.
#include <algorithm>

#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure(const ConfigReader& config, ModelConfig& model) {
  model.qk_norm = QkNorm::Head;
  model.experts.count = config.size(config.present({"num_experts", "num_local_experts"}), 1 << 20);
  model.experts.chosen = config.size("num_experts_per_tok", 1 << 20);
  model.experts.intermediate = config.size("moe_intermediate_size", 1 << 30);
  model.experts.normalized = config.boolean("norm_topk_prob", false);

  const std::int64_t step =
      config.has("decoder_sparse_step") ? config.size("decoder_sparse_step", 1 << 20) : 1;
  const auto dense = config.integers("mlp_only_layers");
  for (std::int64_t i = 0; i < model.layers; ++i) {
    model.kinds[static_cast<std::size_t>(i)].experts =
        (i + 1) % step == 0 && std::find(dense.begin(), dense.end(), i) == dense.end();
  }

  if (config.boolean("use_sliding_window", false))
    read_windows(config, model, [](std::int64_t) { return true; });
}

}  // namespace

const Architecture kQwen3Moe{
    .name = "Qwen3MoeForCausalLM",
    .layer = {.q_norm = "self_attn.q_norm",
              .k_norm = "self_attn.k_norm",
              .router = "mlp.gate",
              .expert_gate = "mlp.experts.*.gate_proj",
              .expert_up = "mlp.experts.*.up_proj",
              .expert_down = "mlp.experts.*.down_proj"},
    .configure = configure,
};

}  // namespace presswork::modelkit
