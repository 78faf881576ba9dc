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

// X^T X by tiles of kGramTile columns, for callers that share the packed tiles among threads. x [depth,
// columns] float32 in rows of x_row is packed for both sides of a product, [kGramTile, depth] each, what is
// missing filled with 0.
inline constexpr std::size_t kGramTile = 96;  // a multiple of every panel's width
void pack_gram_tile(const float* x, std::size_t x_row, std::size_t depth, std::size_t columns, double* left,
                    double* right);
// c [m, n] += the product of two packed tiles of m and n columns; of a tile on the diagonal, what lies above
// it may be left out.
void add_gram_tile(const double* left, const double* right, std::size_t depth, double* c, std::size_t c_row,
                   std::size_t m, std::size_t n, bool diagonal);

// y += factor * x, both of length n.
void add_scaled(double* y, const double* x, std::size_t n, double factor);

}  // namespace presswork::modelkit
