// Cosines and sines of rotary position embedding.
#pragma once

#include <cstddef>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

struct RopeTable {
  Matrix cos, sin;  // [positions, rotated / 2]
};

// Radians per position of each rotated pair [rotated / 2], with rotated = head_dim * partial_rotary_factor:
// theta^(-2i / rotated) (Su et al. 2021, section 3.2.2), slowed down as `config.rope.kind` says. Computed in
// float64 and rounded once. Throws "unsupported" for a kind that is not written yet.
std::vector<float> rope_frequencies(const ModelConfig& config);

RopeTable make_rope_table(Compute& compute, const ModelConfig& config, std::size_t positions);

}  // namespace presswork::modelkit
