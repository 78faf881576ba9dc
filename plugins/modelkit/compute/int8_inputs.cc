#include "plugins/modelkit/compute/int8_inputs.h"

#include <algorithm>
#include <cfloat>
#include <limits>

#include "plugins/modelkit/compute/cpu/rounding_kernels.h"
#include "plugins/modelkit/compute/cpu/row_kernels.h"
#include "plugins/modelkit/compute/rounding.h"

namespace presswork::modelkit {

// The compressed-tensors library divides by 127.5, which puts the value that the scale was made from on a
// tie: the last bit of a float32 would decide whether it becomes -127 or -128.
Int8Grid int8_grid(float low, float high, bool symmetric) {
  low = std::min(low, 0.0F);
  high = std::max(high, 0.0F);
  const float scale = symmetric ? std::max(-low, high) / 127.0F : (high - low) / 255.0F;
  if (!(scale >= FLT_MIN)) return {};
  if (symmetric) return {scale, 0};
  return {scale,
          static_cast<std::int8_t>(std::clamp(round_half_even(-128.0F - low / scale), -128.0F, 127.0F))};
}

Int8Grid grid_of(const Int8Inputs& inputs, const float* x, std::size_t count) {
  if (!all_finite_row(x, count)) return {std::numeric_limits<float>::quiet_NaN(), 0};
  if (!inputs.dynamic || count == 0) return inputs.grid;
  float low = 0.0F, high = 0.0F;
  range_row(x, count, low, high);
  return int8_grid(low, high, inputs.symmetric);
}

void to_int8(const Int8Grid& grid, const float* x, std::size_t count, std::int8_t* q) {
  if (grid.scale > 0.0F) {
    levels_row(q, x, count, grid.levels());
  } else {
    std::fill_n(q, count, std::int8_t{0});
  }
}

}  // namespace presswork::modelkit
