// How the inputs of a linear become 8-bit integers when the model runs:
//   q = clamp(round(x / scale) + zero, -128, 127),  x' = (q - zero) * scale
// with ties to even. Scales are those of vLLM's kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plugins/modelkit/compute/rounding.h"

namespace presswork::modelkit {

struct Int8Grid {
  float scale = 1.0F;
  std::int8_t zero = 0;

  float value(std::int8_t q) const { return static_cast<float>(q - zero) * scale; }
  GroupGrid levels() const { return {scale, static_cast<float>(zero), -128.0F, 127.0F}; }
  bool operator==(const Int8Grid&) const = default;
};

// symmetric: scale = max|x| / 127. Otherwise the range is widened to hold 0, scale = (high - low) / 255,
// zero = round(-128 - low / scale). A range of zeros has scale 1.
Int8Grid int8_grid(float low, float high, bool symmetric);

struct Int8Inputs {
  bool dynamic = true;  // each token has a grid of its own range; otherwise all have `grid`
  bool symmetric = true;
  Int8Grid grid = {};

  bool operator==(const Int8Inputs&) const = default;
};

// The grid for one token's inputs x [count]; one with scale NaN when some are not finite.
Int8Grid grid_of(const Int8Inputs& inputs, const float* x, std::size_t count);

// q [count]: all 0 for a grid whose scale is NaN.
void to_int8(const Int8Grid& grid, const float* x, std::size_t count, std::int8_t* q);

}  // namespace presswork::modelkit
