// Round to nearest: each group of weights gets a scale from its own range, nothing else is looked at.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

// Where integers may lie and what they share.
struct QuantizationGrid {
  int bits = 4;                 // 2..8
  std::int64_t group_size = 0;  // inputs of a row that share a scale; 0: all
  bool symmetric = true;
  DType scale_dtype = DType::F32;  // scales are rounded to this before the integers are chosen

  // Throws "invalid_parameter" at /group_size when the group size does not divide `in`, naming `module` and
  // sizes that would.
  void check_divides(std::int64_t in, const std::string& module) const;
};

// Relative Frobenius error: ||W - dequantized|| / ||W||, from float64 sums by row; 0 for an all-zero matrix.
struct QuantizationError {
  double squared_error = 0;
  double squared_norm = 0;
  double relative() const;
};

struct RtnResult {
  LinearWeight weight;  // a GroupedIntWeight
  QuantizationError error;
};

// symmetric:  s = max|w| / (2^(b-1) - 1), q = round(w / s)
// asymmetric: the range widened to hold 0, s = (max - min) / (2^b - 1), z = round(-min / s) - 2^(b-1),
//             q = round(w / s) + z
// q clamped to [-2^(b-1), 2^(b-1) - 1]; float32 throughout; ties to even. A group of zeros (or so small that
// its scale would be subnormal) has scale 1 and is exactly 0. Throws "not_finite" naming `module`, row and
// column. Independent of the number of threads.
RtnResult quantize_rtn(const LinearWeight& weight, const QuantizationGrid& grid, const std::string& module,
                       ThreadPool& threads);

// The kernel of it, for one group of `count` weights: chooses scale and zero, writes q.
void quantize_group(const float* w, std::int64_t count, const QuantizationGrid& grid, std::int8_t* q,
                    float& scale, std::int8_t& zero);

}  // namespace presswork::modelkit
