#include "plugins/modelkit/compute/cpu/dgemm.h"

#include <algorithm>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/dgemm.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Vector = hn::Vec<Doubles>;

// Twelve sums stay in registers on every target, and hide each other's latency.
constexpr std::size_t kRows = 6, kVectors = 2, kDepth = 256;

// Rows [0, m) and inputs [first, first + depth) of a as panels [depth, kRows], the last one filled with 0.
void pack_a(const Dgemm& p, std::size_t first, std::size_t depth, double* to) {
  for (std::size_t i = 0; i < p.m; i += kRows) {
    const std::size_t rows = std::min(kRows, p.m - i);
    for (std::size_t k = 0; k < depth; ++k, to += kRows) {
      const double* from = p.a + i * p.a_row + (first + k) * p.a_col;
      for (std::size_t r = 0; r < kRows; ++r) to[r] = r < rows ? p.alpha * from[r * p.a_row] : 0.0;
    }
  }
}

// Inputs [first, first + depth) of b as panels [depth, width].
void pack_b(const Dgemm& p, std::size_t first, std::size_t depth, std::size_t width, double* to) {
  for (std::size_t j = 0; j < p.n; j += width) {
    const std::size_t columns = std::min(width, p.n - j);
    for (std::size_t k = 0; k < depth; ++k, to += width) {
      const double* from = p.b + (first + k) * p.b_row + j * p.b_col;
      for (std::size_t c = 0; c < width; ++c) to[c] = c < columns ? from[c * p.b_col] : 0.0;
    }
  }
}

// One block of c [kRows, kVectors vectors]; what lies outside of [rows, columns] is left alone. Loops over
// the sums are unrolled, or compilers keep the sums in memory.
HWY_INLINE void multiply_block(const double* a, const double* b, std::size_t depth, double* c,
                               std::size_t c_row, std::size_t rows, std::size_t columns) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  // A large c lies far from here; its lines arrive while the sums are made.
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) hwy::Prefetch(c + r * c_row + v * lanes);
  }
  Vector sum[kRows][kVectors];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (std::size_t k = 0; k < depth; ++k, a += kRows, b += kVectors * lanes) {
    const Vector right[kVectors] = {hn::LoadU(d, b), hn::LoadU(d, b + lanes)};
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector left = hn::Set(d, a[r]);
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
    }
  }
  HWY_ALIGN double spilled[kVectors * HWY_MAX_BYTES / sizeof(double)];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kRows; ++r) {
    if (r == rows) break;
    double* row = c + r * c_row;
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v) {
      double* to = columns == kVectors * lanes ? row : spilled;
      hn::StoreU(to == row ? hn::Add(hn::LoadU(d, row + v * lanes), sum[r][v]) : sum[r][v], d,
                 to + v * lanes);
    }
    for (std::size_t j = 0; columns != kVectors * lanes && j < columns; ++j) row[j] += spilled[j];
  }
}

// Panels of the rows and of the columns of c, one after another; `lower` leaves out blocks above the
// diagonal.
void multiply_panels(const double* a, const double* b, std::size_t depth, double* c, std::size_t c_row,
                     std::size_t m, std::size_t n, bool lower) {
  const std::size_t width = kVectors * hn::Lanes(Doubles());
  for (std::size_t j = 0; j < n; j += width) {
    for (std::size_t i = 0; i < m; i += kRows) {
      if (lower && i + kRows <= j) continue;
      multiply_block(a + i * depth, b + j * depth, depth, c + i * c_row + j, c_row, std::min(kRows, m - i),
                     std::min(width, n - j));
    }
  }
}

void Multiply(const Dgemm& p) {
  static thread_local std::vector<double> a, b;
  const std::size_t width = kVectors * hn::Lanes(Doubles());
  a.resize((p.m + kRows - 1) / kRows * kRows * kDepth);
  b.resize((p.n + width - 1) / width * width * kDepth);
  for (std::size_t first = 0; first < p.k; first += kDepth) {
    const std::size_t depth = std::min(kDepth, p.k - first);
    pack_a(p, first, depth, a.data());
    pack_b(p, first, depth, width, b.data());
    multiply_panels(a.data(), b.data(), depth, p.c, p.c_row, p.m, p.n, false);
  }
}

void PackTile(const float* x, std::size_t x_row, std::size_t depth, std::size_t columns, double* left,
              double* right) {
  const Doubles d;
  const hn::Rebind<float, Doubles> floats;
  const std::size_t lanes = hn::Lanes(d), width = kVectors * lanes;
  const auto pack_rest = [&](std::size_t first, std::size_t panel, double* to) {
    for (std::size_t k = 0; first < columns && k < depth; ++k, to += panel) {
      const float* from = x + k * x_row + first;
      for (std::size_t c = 0; c < panel; ++c) to[c] = first + c < columns ? from[c] : 0.0;
    }
  };
  std::size_t j = 0;
  for (; j + kRows <= columns; j += kRows) {
    const float* from = x + j;
    for (std::size_t k = 0; k < depth; ++k, from += x_row, left += kRows) {
      for (std::size_t c = 0; c < kRows; ++c) left[c] = from[c];
    }
  }
  pack_rest(j, kRows, left);
  for (j = 0; j + width <= columns; j += width) {
    const float* from = x + j;
    for (std::size_t k = 0; k < depth; ++k, from += x_row, right += width) {
      for (std::size_t v = 0; v < width; v += lanes)
        hn::StoreU(hn::PromoteTo(d, hn::LoadU(floats, from + v)), d, right + v);
    }
  }
  pack_rest(j, width, right);
}

void MultiplyTile(const double* left, const double* right, std::size_t depth, double* c, std::size_t c_row,
                  std::size_t m, std::size_t n, bool diagonal) {
  multiply_panels(left, right, depth, c, c_row, m, n, diagonal);
}

void AddScaled(double* y, const double* x, std::size_t n, double factor) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  const Vector by = hn::Set(d, factor);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(by, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  for (; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(Multiply);
HWY_EXPORT(PackTile);
HWY_EXPORT(MultiplyTile);
HWY_EXPORT(AddScaled);

void dgemm(const Dgemm& product) { HWY_DYNAMIC_DISPATCH(Multiply)(product); }

void pack_gram_tile(const float* x, std::size_t x_row, std::size_t depth, std::size_t columns, double* left,
                    double* right) {
  HWY_DYNAMIC_DISPATCH(PackTile)(x, x_row, depth, columns, left, right);
}

void add_gram_tile(const double* left, const double* right, std::size_t depth, double* c, std::size_t c_row,
                   std::size_t m, std::size_t n, bool diagonal) {
  HWY_DYNAMIC_DISPATCH(MultiplyTile)(left, right, depth, c, c_row, m, n, diagonal);
}

void add_scaled(double* y, const double* x, std::size_t n, double factor) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(y, x, n, factor);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
