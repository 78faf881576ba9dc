#include "plugins/modelkit/compute/cpu/attention_kernel.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/attention_kernel.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// c [kRows, kVectors * lanes] (+)= a [kRows, depth] * b [depth, kVectors * lanes], held in registers.
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void product_block(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                              float* c, std::size_t c_stride, std::size_t depth, bool accumulate) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kRows][kVectors];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kVectors; ++j) {
      sum[r][j] = accumulate ? hn::LoadU(d, c + r * c_stride + j * lanes) : hn::Zero(d);
    }
  }
  for (std::size_t t = 0; t < depth; ++t) {
    Vector right[kVectors];
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kVectors; ++j) right[j] = hn::LoadU(d, b + t * b_stride + j * lanes);
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector left = hn::Set(d, a[r * a_stride + t]);
      HWY_UNROLL(8)
      for (std::size_t j = 0; j < kVectors; ++j) sum[r][j] = hn::MulAdd(left, right[j], sum[r][j]);
    }
  }
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kVectors; ++j) hn::StoreU(sum[r][j], d, c + r * c_stride + j * lanes);
  }
}

// The columns that fill no whole vector.
HWY_INLINE void product_rest(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                             float* c, std::size_t c_stride, std::size_t rows, std::size_t cols,
                             std::size_t depth, bool accumulate) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t j = 0; j < cols; ++j) {
      float sum = accumulate ? c[r * c_stride + j] : 0.0F;
      for (std::size_t t = 0; t < depth; ++t) sum += a[r * a_stride + t] * b[t * b_stride + j];
      c[r * c_stride + j] = sum;
    }
  }
}

template <std::size_t kVectors>
HWY_INLINE void product_columns(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                                float* c, std::size_t c_stride, std::size_t rows, std::size_t depth,
                                bool accumulate) {
  constexpr std::size_t kRows = 6;
  std::size_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    product_block<kRows, kVectors>(a + r * a_stride, a_stride, b, b_stride, c + r * c_stride, c_stride, depth,
                                   accumulate);
  }
  for (; r < rows; ++r) {
    product_block<1, kVectors>(a + r * a_stride, a_stride, b, b_stride, c + r * c_stride, c_stride, depth,
                               accumulate);
  }
}

// c [rows, cols] (+)= a [rows, depth] * b [depth, cols].
void product(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride, float* c,
             std::size_t c_stride, std::size_t rows, std::size_t cols, std::size_t depth, bool accumulate) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  // As many accumulators as the registers hold: 32 on AVX-512 and NEON, 16 elsewhere.
  constexpr std::size_t kWide = HWY_TARGET == HWY_AVX2 || HWY_TARGET > HWY_AVX2 ? 2 : 4;
  std::size_t j = 0;
  for (; j + kWide * lanes <= cols; j += kWide * lanes) {
    product_columns<kWide>(a, a_stride, b + j, b_stride, c + j, c_stride, rows, depth, accumulate);
  }
  for (; j + lanes <= cols; j += lanes) {
    product_columns<1>(a, a_stride, b + j, b_stride, c + j, c_stride, rows, depth, accumulate);
  }
  if (j < cols)
    product_rest(a, a_stride, b + j, b_stride, c + j, c_stride, rows, cols - j, depth, accumulate);
}

constexpr float kHidden = -1e30F;  // a score that exp() turns to zero beside any real one

// Caps a row of scores and hides the keys outside [first, last).
HWY_INLINE void hide(float* scores, std::size_t first, std::size_t last, float softcap) {
  const Floats d;
  if (softcap > 0.0F) {
    const Vector cap = hn::Set(d, softcap), inverse = hn::Set(d, 1.0F / softcap);
    for (std::size_t j = 0; j < AttentionTile::kKeys; j += hn::Lanes(d)) {
      const Vector score = hn::LoadU(d, scores + j);
      hn::StoreU(hn::Mul(cap, hn::Tanh(d, hn::Mul(score, inverse))), d, scores + j);
    }
  }
  std::fill(scores, scores + first, kHidden);
  std::fill(scores + last, scores + AttentionTile::kKeys, kHidden);
}

// One step of the running softmax: scores become exp(score - largest). Returns the factor for what was summed
// before.
HWY_INLINE float soften(float* scores, float& largest, float& sum) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector top = hn::Set(d, largest);
  for (std::size_t j = 0; j < AttentionTile::kKeys; j += lanes) top = hn::Max(top, hn::LoadU(d, scores + j));
  top = hn::MaxOfLanes(d, top);
  Vector total = hn::Zero(d);
  for (std::size_t j = 0; j < AttentionTile::kKeys; j += lanes) {
    const Vector weight = hn::Exp(d, hn::Sub(hn::LoadU(d, scores + j), top));
    hn::StoreU(weight, d, scores + j);
    total = hn::Add(total, weight);
  }
  const float factor = hn::GetLane(hn::Exp(d, hn::Sub(hn::Set(d, largest), top)));
  sum = sum * factor + hn::GetLane(hn::SumOfLanes(d, total));
  largest = hn::GetLane(top);
  return factor;
}

HWY_INLINE void scale_row(float* row, std::size_t n, float factor) {
  if (factor == 1.0F) return;
  for (std::size_t i = 0; i < n; ++i) row[i] *= factor;
}

void AttentionTileKernel(const AttentionTile& tile, float* q, float* scores, float* sums) {
  constexpr std::size_t kKeys = AttentionTile::kKeys, kPanel = AttentionTile::kPanel;
  const std::size_t depth = tile.head_dim, end = tile.position + tile.rows;
  float largest[AttentionTile::kQueries], sum[AttentionTile::kQueries];
  std::fill(largest, largest + tile.rows, tile.sink == nullptr ? kHidden : *tile.sink);
  std::fill(sum, sum + tile.rows, tile.sink == nullptr ? 0.0F : 1.0F);
  std::fill(sums, sums + tile.rows * depth, 0.0F);
  for (std::size_t r = 0; r < tile.rows; ++r) {
    for (std::size_t i = 0; i < depth; ++i) q[r * depth + i] = tile.q[r * tile.q_stride + i] * tile.scale;
  }
  const std::size_t window = tile.sliding_window == 0 ? end : tile.sliding_window;
  const std::size_t begin = tile.position + 1 > window ? tile.position + 1 - window : 0;
  for (std::size_t key = begin / kKeys * kKeys; key < end; key += kKeys) {
    const std::size_t keys = std::min(kKeys, end - key);
    for (std::size_t panel = 0; panel < keys; panel += kPanel) {
      product(q, depth, tile.k_panels + (key + panel) * depth, kPanel, scores + panel, kKeys, tile.rows,
              kPanel, depth, false);
    }
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t seen = tile.position + r + 1, from = seen > window ? seen - window : 0;
      const std::size_t first = std::clamp(from, key, key + keys) - key;
      const std::size_t last = std::clamp(seen, key, key + keys) - key;
      hide(scores + r * kKeys, first, std::max(first, last), tile.softcap);
      scale_row(sums + r * depth, depth, soften(scores + r * kKeys, largest[r], sum[r]));
    }
    product(scores, kKeys, tile.v + key * depth, depth, sums, depth, tile.rows, depth, keys, true);
  }
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const float inverse = 1.0F / sum[r];
    for (std::size_t i = 0; i < depth; ++i) tile.out[r * tile.out_stride + i] = sums[r * depth + i] * inverse;
  }
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(AttentionTileKernel);

void attention_tile(const AttentionTile& tile, std::vector<float>& scratch) {
  constexpr std::size_t kRows = AttentionTile::kQueries;
  scratch.resize(kRows * (AttentionTile::kKeys + 2 * tile.head_dim));
  float* scores = scratch.data();
  float* q = scores + kRows * AttentionTile::kKeys;
  HWY_DYNAMIC_DISPATCH(AttentionTileKernel)(tile, q, scores, q + kRows * tile.head_dim);
}

void pack_keys(float* panels, const float* k, std::size_t k_stride, std::size_t keys, std::size_t head_dim) {
  constexpr std::size_t kPanel = AttentionTile::kPanel;
  for (std::size_t first = 0; first < keys; first += kPanel) {
    const std::size_t count = std::min(kPanel, keys - first);
    float* panel = panels + first * head_dim;
    if (count < kPanel) std::fill(panel, panel + kPanel * head_dim, 0.0F);
    transpose(panel, kPanel, k + first * k_stride, k_stride, count, head_dim);
  }
}

void transpose(float* to, std::size_t to_stride, const float* from, std::size_t from_stride, std::size_t rows,
               std::size_t cols) {
  constexpr std::size_t kBlock = 16;  // a cache line of floats
  for (std::size_t r = 0; r < rows; r += kBlock) {
    const std::size_t r_end = std::min(rows, r + kBlock);
    for (std::size_t c = 0; c < cols; ++c) {
      for (std::size_t i = r; i < r_end; ++i) to[c * to_stride + i] = from[i * from_stride + c];
    }
  }
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
