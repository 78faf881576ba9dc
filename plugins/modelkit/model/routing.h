// Which experts a token goes to.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

// The tokens of one expert, in ascending order, and the weight of its output for each.
struct ExpertLoad {
  std::vector<std::size_t> rows;
  std::vector<float> weights;
};

// `logits` [rows, count] of the router; `bias` [count] moves the choice but not the weights (may be empty).
// Scores are a softmax over all experts or sigmoids; the best `chosen` are taken (equal ones by number), from
// the best groups only where there are groups, a group's worth being the sum of its two best scores (DeepSeek
// V3, section 2.1.2). Float64 inside. Result: one load an expert.
std::vector<ExpertLoad> route(std::span<const float> logits, const Experts& experts,
                              std::span<const float> bias = {});

}  // namespace presswork::modelkit
