#include "plugins/modelkit/compute/cpu/cholesky.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "plugins/modelkit/compute/cpu/dgemm.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kBlock = 96;

double dot(const double* x, const double* y, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// The diagonal block at a, of `size`, in rows of n.
bool factor_block(double* a, std::size_t n, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    double* row = a + i * n;
    for (std::size_t j = 0; j < i; ++j) row[j] = (row[j] - dot(row, a + j * n, j)) / a[j * n + j];
    const double rest = row[i] - dot(row, row, i);
    if (!(rest > 0.0) || !std::isfinite(rest)) return false;
    row[i] = std::sqrt(rest);
  }
  return true;
}

// A row below the diagonal block at `block`: x = x L^-T.
void solve_row(double* x, const double* block, std::size_t n, std::size_t size) {
  for (std::size_t j = 0; j < size; ++j) x[j] = (x[j] - dot(x, block + j * n, j)) / block[j * n + j];
}

// The lower triangle at l, in rows of n, becomes its inverse.
void invert_block(double* l, std::size_t n, std::size_t size) {
  for (std::size_t j = 0; j < size; ++j) {
    l[j * n + j] = 1.0 / l[j * n + j];
    for (std::size_t i = j + 1; i < size; ++i) {
      double sum = 0;
      for (std::size_t k = j; k < i; ++k) sum += l[i * n + k] * l[k * n + j];
      l[i * n + j] = -sum / l[i * n + i];
    }
  }
}

}  // namespace

bool cholesky(double* a, std::size_t n, ThreadPool& threads) {
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t size = std::min(kBlock, n - first), next = first + size;
    double* diagonal = a + first * n + first;
    if (!factor_block(diagonal, n, size)) return false;
    const std::size_t tiles = (n - next + kBlock - 1) / kBlock;
    threads.run(tiles, [&](std::size_t tile) {
      const std::size_t start = next + tile * kBlock;
      for (std::size_t i = start; i < std::min(start + kBlock, n); ++i)
        solve_row(a + i * n + first, diagonal, n, size);
    });
    threads.run(tiles * tiles, [&](std::size_t tile) {
      const std::size_t i = next + tile / tiles * kBlock, j = next + tile % tiles * kBlock;
      if (i < j) return;
      dgemm({.m = std::min(kBlock, n - i),
             .n = std::min(kBlock, n - j),
             .k = size,
             .alpha = -1.0,
             .a = a + i * n + first,
             .a_row = n,
             .a_col = 1,
             .b = a + j * n + first,
             .b_row = 1,
             .b_col = n,
             .c = a + i * n + j,
             .c_row = n});
    });
  }
  return true;
}

// Block columns from the last to the first: with the inverse M of what is below and right of a diagonal block
// L_jj known, the column below it is -M L_below inv(L_jj).
void invert_lower(double* l, std::size_t n, ThreadPool& threads) {
  std::vector<double> panel;
  for (std::size_t first = (n + kBlock - 1) / kBlock * kBlock; first != 0;) {
    first -= kBlock;
    const std::size_t size = std::min(kBlock, n - first), next = first + size;
    double* diagonal = l + first * n + first;
    invert_block(diagonal, n, size);
    // L_below inv(L_jj), [n - next, size].
    panel.assign((n - next) * size, 0.0);
    const std::size_t tiles = (n - next + kBlock - 1) / kBlock;
    threads.run(tiles, [&](std::size_t tile) {
      for (std::size_t i = tile * kBlock; i < std::min((tile + 1) * kBlock, n - next); ++i) {
        const double* row = l + (next + i) * n + first;
        for (std::size_t k = 0; k < size; ++k)
          add_scaled(panel.data() + i * size, diagonal + k * n, k + 1, row[k]);
      }
    });
    threads.run(tiles, [&](std::size_t tile) {
      const std::size_t start = tile * kBlock, rows = std::min(kBlock, n - next - start);
      double* target = l + (next + start) * n + first;
      for (std::size_t i = 0; i < rows; ++i) std::fill(target + i * n, target + i * n + size, 0.0);
      // M's own diagonal block holds values of another matrix above its diagonal: row by row there.
      dgemm({.m = rows,
             .n = size,
             .k = start,
             .alpha = -1.0,
             .a = l + (next + start) * n + next,
             .a_row = n,
             .a_col = 1,
             .b = panel.data(),
             .b_row = size,
             .b_col = 1,
             .c = target,
             .c_row = n});
      for (std::size_t i = 0; i < rows; ++i) {
        const double* m = l + (next + start + i) * n + next + start;
        for (std::size_t k = 0; k <= i; ++k)
          add_scaled(target + i * n, panel.data() + (start + k) * size, size, -m[k]);
      }
    });
  }
}

}  // namespace presswork::modelkit
