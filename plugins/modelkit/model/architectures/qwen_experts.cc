#include "plugins/modelkit/model/architectures/qwen_experts.h"

#include <algorithm>

namespace presswork::modelkit {

void read_qwen_experts(const ConfigReader& config, ModelConfig& model) {
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
}

}  // namespace presswork::modelkit
