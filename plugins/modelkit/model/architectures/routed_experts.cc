#include "plugins/modelkit/model/architectures/routed_experts.h"

namespace presswork::modelkit {

std::int64_t read_shared_width(const ConfigReader& config, const char* key, std::int64_t fallback,
                               std::int64_t width) {
  const std::int64_t count = config.integer(key, fallback);
  if (count < 0 || count > 1024)
    throw Error("corrupt_file", "must be in 0..1024", config.where() + "/" + key);
  return count * width;
}

void read_routed_experts(const ConfigReader& config, ModelConfig& model, const RoutedDefaults& defaults) {
  const std::int64_t width = config.size("moe_intermediate_size", 1 << 30);
  model.experts = {
      .count = config.size(config.present({"n_routed_experts", "num_local_experts"}), 1 << 20),
      .chosen = config.size("num_experts_per_tok", 1 << 20),
      .intermediate = width,
      .shared_intermediate = read_shared_width(config, "n_shared_experts", defaults.shared, width),
      .sigmoid = true,
      .normalized = config.boolean("norm_topk_prob", defaults.normalized),
      .scale = config.number("routed_scaling_factor", 1.0),
      .groups = config.integer("n_group", 1),
      .chosen_groups = config.integer("topk_group", 1)};
  const std::int64_t dense = config.integer("first_k_dense_replace", defaults.dense);
  for (std::int64_t i = 0; i < model.layers; ++i) {
    model.kinds[static_cast<std::size_t>(i)].experts = i >= dense;
  }
}

}  // namespace presswork::modelkit
