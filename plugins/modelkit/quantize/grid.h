// Where the integers of a weight may lie, and how a group of weights gets its scale and zero point.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "plugins/modelkit/compute/rounding.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {

// MinMax: the range of the group's own weights. Mse: that range, shrunk so that the squared error of the
// rounded weights is least.
enum class Clipping { MinMax, Mse };

// value = (q - zero) * scale
struct GroupScale {
  float scale = 1;
  std::int8_t zero = 0;

  float value(std::int8_t q) const { return static_cast<float>(q - zero) * scale; }
};

// Where integers may lie and what they share.
struct QuantizationGrid {
  int bits = 4;                 // 2..8
  std::int64_t group_size = 0;  // inputs of a row that share a scale; 0: all
  bool symmetric = true;
  DType scale_dtype = DType::F32;  // scales are rounded to this before the integers are chosen
  Clipping clipping = Clipping::MinMax;

  float lowest() const { return static_cast<float>(-(1 << (bits - 1))); }
  float highest() const { return static_cast<float>((1 << (bits - 1)) - 1); }
  GroupGrid of(const GroupScale& group) const {
    return {group.scale, static_cast<float>(group.zero), lowest(), highest()};
  }
  std::int64_t groups(std::int64_t in) const { return group_size == 0 ? 1 : in / group_size; }

  // Throws "invalid_parameter" at /group_size when the group size does not divide `in`, naming `module` and
  // sizes that divide the inputs of all modules: `common` is their greatest common divisor.
  void check_divides(std::int64_t in, const std::string& module, std::int64_t common) const;
  void check_divides(std::int64_t in, const std::string& module) const { check_divides(in, module, in); }
};

// Relative Frobenius error: ||W - dequantized|| / ||W||, from float64 sums by row; 0 for an all-zero matrix.
struct QuantizationError {
  double squared_error = 0;
  double squared_norm = 0;
  double relative() const;
  QuantizationError& operator+=(const QuantizationError& other);
};

struct ValueRange {
  float low = 0, high = 0;
};

ValueRange range_of(std::span<const float> values);  // at least one; none NaN

// The nearest integer of the grid [lowest, highest].
inline std::int8_t nearest_level(float w, const GroupScale& group, float lowest, float highest) {
  const float level = round_half_even(w / group.scale) + static_cast<float>(group.zero);
  return static_cast<std::int8_t>(level < lowest ? lowest : level > highest ? highest : level);
}

// Scale and zero point of `count` weights. symmetric: s = max|w| / (2^(b-1) - 1). asymmetric: the range
// widened to hold 0, s = (max - min) / (2^b - 1), z = round(-min / s) - 2^(b-1). A group of zeros (or so
// small that its scale would be subnormal) has scale 1 and zero 0.
GroupScale fit_range(float low, float high, const QuantizationGrid& grid);  // of weights in [low, high]
// Of that range shrunk by hundredths to a fifth, the one with the least `error_of`.
GroupScale best_range(const ValueRange& range, const QuantizationGrid& grid,
                      const std::function<double(const GroupScale&)>& error_of);
GroupScale fit_group(const float* w, std::int64_t count, const QuantizationGrid& grid);

// q [count] = nearest levels; returns the squared error.
double round_group(const float* w, std::int64_t count, const QuantizationGrid& grid, const GroupScale& group,
                   std::int8_t* q);

}  // namespace presswork::modelkit
