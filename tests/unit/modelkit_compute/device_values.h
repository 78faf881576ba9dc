// Values of reference.h on a device and back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unit/modelkit_compute/reference.h"

namespace presswork::modelkit {

inline Matrix on_device(Compute& compute, const reference::Values& values) {
  const Matrix matrix = compute.allocate(values.rows, values.cols);
  compute.write(matrix, values.floats());
  return matrix;
}

inline std::vector<float> from_device(Compute& compute, const Matrix& matrix) {
  std::vector<float> values(matrix.rows * matrix.cols);
  compute.read(matrix, values);
  return values;
}

inline void expect_near(Compute& compute, const Matrix& got, const reference::Values& expected,
                        double tolerance) {
  const auto values = from_device(compute, got);
  ASSERT_EQ(values.size(), expected.at.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Not max(): NaN must not pass.
    const double off = std::abs(values[i] - expected.at[i]);
    if (!(off <= worst)) worst = off;
  }
  EXPECT_LE(worst, tolerance);
}

// `weight` must outlive what is returned.
inline LinearSource source_of(const reference::Values& weight) {
  LinearSource source{.out = weight.rows, .in = weight.cols, .rows = {}, .bias = {}};
  source.rows = [&weight](std::size_t first, std::size_t last, float* target) {
    for (std::size_t i = first * weight.cols; i < last * weight.cols; ++i) {
      *target++ = static_cast<float>(weight.at[i]);
    }
  };
  return source;
}

inline std::vector<float> product(Compute& compute, const reference::Values& x, const PackedLinear& weight) {
  const Matrix out = compute.allocate(x.rows, weight.out());
  compute.linear(out, on_device(compute, x), weight);
  return from_device(compute, out);
}

}  // namespace presswork::modelkit
