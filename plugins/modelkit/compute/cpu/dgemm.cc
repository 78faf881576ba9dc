#include "plugins/modelkit/compute/cpu/dgemm.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/dgemm.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
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

// One block of c [kRows, kVectors vectors]; what lies outside of [rows, columns] is left alone.
HWY_INLINE void multiply_block(const double* a, const double* b, std::size_t depth, double* c,
                               std::size_t c_row, std::size_t rows, std::size_t columns) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kRows][kVectors];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (std::size_t k = 0; k < depth; ++k, a += kRows, b += kVectors * lanes) {
    const Vector right[kVectors] = {hn::LoadU(d, b), hn::LoadU(d, b + lanes)};
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector left = hn::Set(d, a[r]);
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
    }
  }
  HWY_ALIGN double spilled[kVectors * HWY_MAX_BYTES / sizeof(double)];
  for (std::size_t r = 0; r < rows; ++r, c += c_row) {
    if (columns == kVectors * lanes) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        hn::StoreU(hn::Add(hn::LoadU(d, c + v * lanes), sum[r][v]), d, c + v * lanes);
      }
      continue;
    }
    for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, spilled + v * lanes);
    for (std::size_t j = 0; j < columns; ++j) c[j] += spilled[j];
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
    for (std::size_t j = 0; j < p.n; j += width) {
      for (std::size_t i = 0; i < p.m; i += kRows) {
        multiply_block(a.data() + i * depth, b.data() + j * depth, depth, p.c + i * p.c_row + j, p.c_row,
                       std::min(kRows, p.m - i), std::min(width, p.n - j));
      }
    }
  }
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
HWY_EXPORT(AddScaled);

void dgemm(const Dgemm& product) { HWY_DYNAMIC_DISPATCH(Multiply)(product); }

void add_scaled(double* y, const double* x, std::size_t n, double factor) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(y, x, n, factor);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
