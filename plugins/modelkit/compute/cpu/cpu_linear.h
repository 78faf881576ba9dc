// A linear's weight on the CPU, in one of several forms.
#pragma once

#include <cstddef>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

class CpuLinear : public PackedLinear {
 public:
  // out [rows, N] (+)= x [rows, K] * weight^T + bias. Strides in elements; `out` and `x` do not overlap.
  virtual void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                        std::size_t rows, bool accumulate, ThreadPool& threads) const = 0;
};

// out[r, c] += bias[c]; an empty bias adds nothing.
inline void add_bias(float* out, std::size_t out_stride, std::size_t rows, std::size_t cols,
                     const float* bias) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) out[r * out_stride + c] += bias[c];
  }
}

}  // namespace presswork::modelkit
