// Cosines and sines of rotary position embedding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

// Angles per position of each rotated pair [rotated / 2], with rotated = head_dim * partial_rotary_factor:
// theta^(-2i / rotated) (Su et al. 2021, section 3.2.2), changed as `rope.kind` says for a sequence of
// `length` tokens (dynamic and longrope turn on it; 0: short). Computed in float64 and rounded once. Throws
// "corrupt_file" for factors of another number.
std::vector<float> rope_frequencies(const Rope& rope, std::int64_t head_dim, std::int64_t max_position,
                                    std::int64_t length = 0);

// What cosines and sines are multiplied by: 1, or yarn's and longrope's attention factor.
double rope_attention_factor(const Rope& rope);

// Whether the frequencies depend on the length of the sequence.
bool rope_depends_on_length(const Rope& rope);

struct RopeTable {
  Matrix cos, sin;              // [positions, rotated / 2]
  Matrix local_cos, local_sin;  // the same of layers with LayerRope::Local, where there are any

  // Rotates x [R, heads*D] in place as a layer of kind `which` does.
  void rotate(Compute& compute, const ModelConfig& config, LayerRope which, const Matrix& x,
              std::size_t tokens, std::size_t first) const;
};

RopeTable make_rope_table(Compute& compute, const ModelConfig& config, std::size_t positions,
                          std::int64_t length);

}  // namespace presswork::modelkit
