// Matrix products in float64, on the calling thread, for the widest vectors of the machine (Highway).
#pragma once

#include <cstddef>

namespace presswork::modelkit {

// c [m, n] += alpha * a [m, k] b [k, n]. Operands are read by strides, so that either may be transposed;
// c's columns are adjacent.
struct Dgemm {
  std::size_t m = 0, n = 0, k = 0;
  double alpha = 1.0;
  const double* a = nullptr;
  std::size_t a_row = 0, a_col = 1;
  const double* b = nullptr;
  std::size_t b_row = 0, b_col = 1;
  double* c = nullptr;
  std::size_t c_row = 0;
};
void dgemm(const Dgemm& product);

// y += factor * x, both of length n.
void add_scaled(double* y, const double* x, std::size_t n, double factor);

}  // namespace presswork::modelkit
