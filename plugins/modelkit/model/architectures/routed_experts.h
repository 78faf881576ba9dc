// What the descendants of DeepSeek V3 say of their experts.
#pragma once

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// For config.json files that leave the key out.
struct RoutedDefaults {
  std::int64_t dense = 0;   // first_k_dense_replace: layers without experts, at the bottom
  std::int64_t shared = 0;  // n_shared_experts
  bool normalized = false;  // norm_topk_prob
};

// Numbers and widths of experts, their groups, and the layers that have them. Scores are sigmoids.
void read_routed_experts(const ConfigReader& config, ModelConfig& model, const RoutedDefaults& defaults);

// Width of the experts that every token passes: as many as `key` says, side by side, each of `width`.
std::int64_t read_shared_width(const ConfigReader& config, const char* key, std::int64_t fallback,
                               std::int64_t width);

}  // namespace presswork::modelkit
