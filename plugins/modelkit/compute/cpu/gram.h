// What calibration learns of a linear's inputs: the products of every two of them, summed over all tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

// X^T X in float64 of the rows of X [tokens, K] that were added.
class Gram {
 public:
  explicit Gram(std::size_t size) : size_(size), values_(size * size, 0.0), magnitudes_(size, 0.0) {}

  std::size_t size() const { return size_; }
  std::uint64_t rows() const { return rows_; }

  // x [rows, size], one row after another. Sums depend on how the rows were cut into calls, never on threads.
  void add(const float* x, std::size_t rows, ThreadPool& threads);

  double at(std::size_t i, std::size_t j) const { return values_[std::max(i, j) * size_ + std::min(i, j)]; }
  double mean_diagonal() const;
  std::vector<double> mean_squares() const;    // of each input; 0 without rows
  const double* symmetric();                   // all of it, [size, size]
  double mean_magnitude(std::size_t i) const;  // of |x| of an input; 0 without rows

 private:
  std::size_t size_;
  std::uint64_t rows_ = 0;
  std::vector<double> values_;        // [size, size]; of blocks on or below the diagonal
  std::vector<double> magnitudes_;    // sums of |x|
  std::vector<double> left_, right_;  // rows on their way, packed by tiles
};

// The sum of w G w^T over the rows w [n, size], of all of a Gram matrix: what symmetric() gives. For G = X^T
// X it is ||X W^T||^2.
double norm_squared(const std::vector<double>& rows, const double* gram, std::size_t size);

}  // namespace presswork::modelkit
