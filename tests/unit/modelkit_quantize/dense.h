// Matrices in plain loops and float64, for oracles.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace presswork::modelkit::dense {

using Rows = std::vector<std::vector<double>>;

inline std::vector<float> random_floats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Tokens [rows, size] whose inputs go together and differ in size, as activations do.
inline std::vector<float> random_inputs(std::size_t rows, std::size_t size, unsigned seed) {
  std::vector<float> x = random_floats(rows * size, seed);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 1; i < size; ++i) x[r * size + i] += 0.7F * x[r * size + i - 1];
    for (std::size_t i = 0; i < size; ++i) x[r * size + i] *= 0.2F + static_cast<float>(i % 7);
  }
  return x;
}

// x^T x.
inline Rows gram(const std::vector<float>& x, std::size_t size) {
  Rows sums(size, std::vector<double>(size, 0.0));
  for (std::size_t r = 0; r < x.size() / size; ++r) {
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j)
        sums[i][j] += static_cast<double>(x[r * size + i]) * x[r * size + j];
    }
  }
  return sums;
}

// By Gauss-Jordan elimination with row pivots.
inline Rows inverse(Rows a) {
  const std::size_t n = a.size();
  Rows b(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) b[i][i] = 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i; r < n; ++r) pivot = std::abs(a[r][i]) > std::abs(a[pivot][i]) ? r : pivot;
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    const double by = a[i][i];
    for (std::size_t c = 0; c < n; ++c) {
      a[i][c] /= by;
      b[i][c] /= by;
    }
    for (std::size_t r = 0; r < n; ++r) {
      const double factor = a[r][i];
      if (r == i || factor == 0.0) continue;
      for (std::size_t c = 0; c < n; ++c) {
        a[r][c] -= factor * a[i][c];
        b[r][c] -= factor * b[i][c];
      }
    }
  }
  return b;
}

}  // namespace presswork::modelkit::dense
