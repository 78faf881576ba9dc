#include "plugins/modelkit/compute/cpu/few_rows_kernel.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/few_rows_kernel.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

HWY_INLINE Vector load_wide(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE Vector load_wide(const std::uint16_t* from) {
  const hn::Rebind<std::uint16_t, Floats> narrow;
  const hn::RebindToUnsigned<Floats> wide;
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, from))));
}

HWY_INLINE float widen(float value) { return value; }
HWY_INLINE float widen(std::uint16_t value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float wide;
  static_assert(sizeof wide == sizeof bits);
  __builtin_memcpy(&wide, &bits, sizeof wide);
  return wide;
}

// kVectors vectors of outputs at once, so that the sums stay in registers and hide each other's latency.
template <std::size_t kVectors, class Weight>
HWY_INLINE void row_block(float* out, const float* x, const Weight* weight, std::size_t stride,
                          std::size_t in, bool accumulate) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kVectors];
  for (std::size_t j = 0; j < kVectors; ++j) {
    sum[j] = accumulate ? hn::LoadU(d, out + j * lanes) : hn::Zero(d);
  }
  for (std::size_t k = 0; k < in; ++k) {
    const Vector left = hn::Set(d, x[k]);
    for (std::size_t j = 0; j < kVectors; ++j) {
      sum[j] = hn::MulAdd(left, load_wide(weight + k * stride + j * lanes), sum[j]);
    }
  }
  for (std::size_t j = 0; j < kVectors; ++j) hn::StoreU(sum[j], d, out + j * lanes);
}

template <class Weight>
HWY_INLINE void row_times(float* out, const float* x, const Weight* weight, std::size_t count,
                          std::size_t stride, std::size_t in, bool accumulate) {
  const std::size_t lanes = hn::Lanes(Floats());
  constexpr std::size_t kWide = 8;
  // So few inputs at once that their weights' pages stay known while the outputs pass by.
  constexpr std::size_t kInputs = 128;
  for (std::size_t first = 0; first < in; first += kInputs) {
    const std::size_t part = in - first < kInputs ? in - first : kInputs;
    const Weight* from = weight + first * stride;
    const bool add = accumulate || first > 0;
    std::size_t c = 0;
    for (; c + kWide * lanes <= count; c += kWide * lanes) {
      row_block<kWide>(out + c, x + first, from + c, stride, part, add);
    }
    for (; c + lanes <= count; c += lanes) row_block<1>(out + c, x + first, from + c, stride, part, add);
    for (; c < count; ++c) {
      float sum = add ? out[c] : 0.0F;
      for (std::size_t k = 0; k < part; ++k) sum = std::fma(x[first + k], widen(from[k * stride + c]), sum);
      out[c] = sum;
    }
  }
}

void RowTimesFloat(float* out, const float* x, const float* weight, std::size_t count, std::size_t stride,
                   std::size_t in, bool accumulate) {
  row_times(out, x, weight, count, stride, in, accumulate);
}

void RowTimesBf16(float* out, const float* x, const std::uint16_t* weight, std::size_t count,
                  std::size_t stride, std::size_t in, bool accumulate) {
  row_times(out, x, weight, count, stride, in, accumulate);
}

void DecodeAttentionHead(const DecodeAttention& head, float* scores) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d), depth = head.depth;
  float top = head.sink == nullptr ? -INFINITY : *head.sink;
  for (std::size_t t = head.first; t < head.last; ++t) {
    const float* k = head.k + t * head.stride;
    Vector sum = hn::Zero(d);
    std::size_t i = 0;
    for (; i + lanes <= depth; i += lanes) {
      sum = hn::MulAdd(hn::LoadU(d, head.q + i), hn::LoadU(d, k + i), sum);
    }
    float score = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; i < depth; ++i) score += head.q[i] * k[i];
    score *= head.scale;
    if (head.softcap > 0.0F) score = head.softcap * std::tanh(score / head.softcap);
    scores[t - head.first] = score;
    top = score > top ? score : top;
  }
  const std::size_t keys = head.last - head.first;
  float total = head.sink == nullptr ? 0.0F : std::exp(*head.sink - top);
  std::size_t t = 0;
  for (; t + lanes <= keys; t += lanes) {
    const Vector weight = hn::Exp(d, hn::Sub(hn::LoadU(d, scores + t), hn::Set(d, top)));
    hn::StoreU(weight, d, scores + t);
    total += hn::GetLane(hn::SumOfLanes(d, weight));
  }
  for (; t < keys; ++t) {
    scores[t] = std::exp(scores[t] - top);
    total += scores[t];
  }
  const float inverse = 1.0F / total;
  std::size_t c = 0;
  for (; c + lanes <= depth; c += lanes) {
    Vector sum = hn::Zero(d);
    for (t = 0; t < keys; ++t) {
      sum = hn::MulAdd(hn::Set(d, scores[t]), hn::LoadU(d, head.v + (head.first + t) * head.stride + c), sum);
    }
    hn::StoreU(hn::Mul(sum, hn::Set(d, inverse)), d, head.out + c);
  }
  for (; c < depth; ++c) {
    float sum = 0.0F;
    for (t = 0; t < keys; ++t) sum += scores[t] * head.v[(head.first + t) * head.stride + c];
    head.out[c] = sum * inverse;
  }
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(RowTimesFloat);
HWY_EXPORT(RowTimesBf16);
HWY_EXPORT(DecodeAttentionHead);

void row_times_float(float* out, const float* x, const float* weight, std::size_t count, std::size_t stride,
                     std::size_t in, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(RowTimesFloat)(out, x, weight, count, stride, in, accumulate);
}

void row_times_bf16(float* out, const float* x, const std::uint16_t* weight, std::size_t count,
                    std::size_t stride, std::size_t in, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(RowTimesBf16)(out, x, weight, count, stride, in, accumulate);
}

void decode_attention(const DecodeAttention& head, float* scores) {
  HWY_DYNAMIC_DISPATCH(DecodeAttentionHead)(head, scores);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
