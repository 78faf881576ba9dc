#include "plugins/modelkit/compute/cpu/int_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plugins/modelkit/compute/cpu/int_kernel.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace presswork::modelkit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most eight lanes: 512-bit integer products come with VNNI, which int_kernel_vnni.cc has.
using Ints = hn::CappedTag<std::int32_t, 8>;
using Floats = hn::Rebind<float, Ints>;
using Words = hn::RebindToUnsigned<Ints>;  // four bytes each: as words also where a vector is one lane
using IntVector = hn::Vec<Ints>;
using FloatVector = hn::Vec<Floats>;
using WordVector = hn::Vec<Words>;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
#define PRESSWORK_MADDUBS 256
#elif HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
#define PRESSWORK_MADDUBS 128
#endif

// Whether dot_quads() multiplies w - 128 rather than w.
template <int kBits>
constexpr bool centred() {
#ifdef PRESSWORK_MADDUBS
  return kBits == 8;
#else
  return false;
#endif
}

// Each lane: sum += w0 x0 + w1 x1 + w2 x2 + w3 x3 with the lane's four unsigned bytes and the four signed
// ones of `quad`, exact.
template <int kBits>
HWY_INLINE IntVector dot_quads(IntVector sum, WordVector w, std::int32_t quad) {
#if defined(PRESSWORK_MADDUBS) && PRESSWORK_MADDUBS == 256
  const __m256i x = _mm256_set1_epi32(quad), ones = _mm256_set1_epi16(1);
  __m256i pairs;
  if (kBits == 8) {
    // maddubs saturates for unsigned bytes above 128: signs go over to x.
    const __m256i q = _mm256_xor_si256(w.raw, _mm256_set1_epi8(static_cast<char>(-128)));
    pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(x, q));
  } else {
    pairs = _mm256_maddubs_epi16(w.raw, x);
  }
  return IntVector{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(pairs, ones))};
#elif defined(PRESSWORK_MADDUBS)
  const __m128i x = _mm_set1_epi32(quad), ones = _mm_set1_epi16(1);
  __m128i pairs;
  if (kBits == 8) {
    const __m128i q = _mm_xor_si128(w.raw, _mm_set1_epi8(static_cast<char>(-128)));
    pairs = _mm_maddubs_epi16(_mm_abs_epi8(q), _mm_sign_epi8(x, q));
  } else {
    pairs = _mm_maddubs_epi16(w.raw, x);
  }
  return IntVector{_mm_add_epi32(sum.raw, _mm_madd_epi16(pairs, ones))};
#else
  const Ints d;
  const Words du;
  const auto low = hn::Set(du, 0xFFU);
  const auto byte = [&](WordVector shifted) HWY_ATTR { return hn::BitCast(d, hn::And(shifted, low)); };
  const auto x = [&](int i) HWY_ATTR {
    const auto value = static_cast<std::int8_t>(static_cast<std::uint32_t>(quad) >> (8 * i));
    return hn::Set(d, static_cast<std::int32_t>(value));
  };
  sum = hn::Add(sum, hn::Mul(byte(w), x(0)));
  sum = hn::Add(sum, hn::Mul(byte(hn::ShiftRight<8>(w)), x(1)));
  sum = hn::Add(sum, hn::Mul(byte(hn::ShiftRight<16>(w)), x(2)));
  return hn::Add(sum, hn::Mul(byte(hn::ShiftRight<24>(w)), x(3)));
#endif
}

HWY_INLINE FloatVector load_scales(const IntPanels& w, std::size_t at) {
  const Floats d;
  if (w.scales != nullptr) return hn::LoadU(d, w.scales + at);
  const hn::Rebind<hwy::float16_t, Floats> dh;
  return hn::PromoteTo(d, hn::LoadU(dh, reinterpret_cast<const hwy::float16_t*>(w.half_scales) + at));
}

HWY_INLINE IntVector load_zeros(const IntPanels& w, std::size_t at) {
  const Ints d;
  if (w.zeros == nullptr) return hn::Zero(d);
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<std::int8_t, Ints>(), w.zeros + at));
}

// The lanes of one panel from `half` on, for kRows rows from `row` on.
template <int kBits, std::size_t kRows>
HWY_INLINE void panel_part(const IntProduct& p, std::size_t panel, std::size_t half, std::size_t row,
                           float* HWY_RESTRICT sums) {
  const Ints d;
  const Floats df;
  const Words du;
  const IntPanels& w = *p.weight;
  constexpr std::size_t kBytes = IntPanels::kBlock * IntPanels::kOutputs * kBits / 8;
  constexpr std::int32_t kOffset = centred<kBits>() ? 0 : 1 << (kBits - 1);
  const std::uint8_t* at = w.weights + panel * w.panel_bytes() + half * 4;
  const std::size_t groups = w.groups();
  FloatVector total[kRows];
  for (std::size_t r = 0; r < kRows; ++r) total[r] = hn::Zero(df);
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t place = (panel * groups + group) * IntPanels::kOutputs + half;
    const FloatVector scale = load_scales(w, place);
    const IntVector offset = hn::Add(load_zeros(w, place), hn::Set(d, kOffset));
    const std::size_t end = std::min(w.blocks, (group + 1) * w.blocks_per_group);
    for (std::size_t block = group * w.blocks_per_group; block < end; ++block, at += kBytes) {
      IntVector dot[kRows];
      const std::int8_t* x[kRows];
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::size_t one = (row + r) * p.x->blocks + block;
        x[r] = p.x->q + one * IntPanels::kBlock;
        dot[r] = hn::Neg(hn::Mul(offset, hn::Set(d, p.x->sums[one])));
      }
      const auto quad_of = [&](std::size_t r, std::size_t quad) HWY_ATTR {
        std::int32_t four;
        std::memcpy(&four, x[r] + quad * 4, 4);
        return four;
      };
      constexpr std::size_t kLoads = kBits == 8 ? 8 : 4;
      for (std::size_t j = 0; j < kLoads; ++j) {
        const WordVector bytes =
            hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(at + j * 4 * IntPanels::kOutputs));
        if (kBits == 8) {
          for (std::size_t r = 0; r < kRows; ++r) dot[r] = dot_quads<8>(dot[r], bytes, quad_of(r, j));
        } else {
          const WordVector mask = hn::Set(du, 0x0F0F0F0FU);
          const WordVector low = hn::And(bytes, mask), high = hn::And(hn::ShiftRight<4>(bytes), mask);
          for (std::size_t r = 0; r < kRows; ++r) {
            dot[r] = dot_quads<4>(dot[r], low, quad_of(r, j));
            dot[r] = dot_quads<4>(dot[r], high, quad_of(r, j + 4));
          }
        }
      }
      for (std::size_t r = 0; r < kRows; ++r) {
        const FloatVector factor = hn::Mul(scale, hn::Set(df, p.x->scales[(row + r) * p.x->blocks + block]));
        total[r] = hn::MulAdd(hn::ConvertTo(df, dot[r]), factor, total[r]);
      }
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) hn::StoreU(total[r], df, sums + r * IntPanels::kOutputs + half);
}

template <int kBits, std::size_t kRows>
HWY_INLINE void panel_rows(const IntProduct& p, std::size_t panel, std::size_t row) {
  float sums[kRows * IntPanels::kOutputs];
  for (std::size_t half = 0; half < IntPanels::kOutputs; half += hn::Lanes(Ints())) {
    panel_part<kBits, kRows>(p, panel, half, row, sums);
  }
  const std::size_t first = panel * IntPanels::kOutputs;
  const std::size_t count = std::min(IntPanels::kOutputs, p.outputs - first);
  for (std::size_t r = 0; r < kRows; ++r) {
    float* out = p.out + (row + r) * p.out_stride + first;
    const float* from = sums + r * IntPanels::kOutputs;
    for (std::size_t i = 0; i < count; ++i) out[i] = p.accumulate ? out[i] + from[i] : from[i];
  }
}

template <int kBits>
HWY_INLINE void panels_of(const IntProduct& p, std::size_t panel, std::size_t last) {
  constexpr std::size_t kRows = 2;
  for (; panel < last; ++panel) {
    std::size_t row = 0;
    for (; row + kRows <= p.x->rows; row += kRows) panel_rows<kBits, kRows>(p, panel, row);
    for (; row < p.x->rows; ++row) panel_rows<kBits, 1>(p, panel, row);
  }
}

void PortableProduct(const IntProduct& p, std::size_t panel, std::size_t last) {
  p.weight->bits == 8 ? panels_of<8>(p, panel, last) : panels_of<4>(p, panel, last);
}

void QuantizeRow(const float* x, std::size_t inputs, std::int8_t* q, float* scales, std::int32_t* sums) {
  constexpr std::size_t kBlock = IntPanels::kBlock;
  const hn::CappedTag<float, 8> d;
  const hn::RebindToSigned<decltype(d)> di;
  const std::size_t lanes = hn::Lanes(d);
  float padded[kBlock];
  for (std::size_t first = 0, block = 0; first < inputs; first += kBlock, ++block) {
    const float* from = x + first;
    if (first + kBlock > inputs) {
      std::fill(std::copy(from, x + inputs, padded), padded + kBlock, 0.0F);
      from = padded;
    }
    auto top = hn::Zero(d);
    for (std::size_t i = 0; i < kBlock; i += lanes) top = hn::Max(top, hn::Abs(hn::LoadU(d, from + i)));
    const float most = hn::GetLane(hn::MaxOfLanes(d, top));
    const auto inverse = hn::Set(d, most > 0.0F ? 127.0F / most : 0.0F);
    auto sum = hn::Zero(di);
    for (std::size_t i = 0; i < kBlock; i += lanes) {
      const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), inverse));
      sum = hn::Add(sum, rounded);
      hn::StoreU(hn::DemoteTo(hn::Rebind<std::int8_t, decltype(d)>(), rounded),
                 hn::Rebind<std::int8_t, decltype(d)>(), q + first + i);
    }
    scales[block] = most / 127.0F;
    sums[block] = hn::GetLane(hn::SumOfLanes(di, sum));
  }
}

}  // namespace presswork::modelkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#undef PRESSWORK_MADDUBS

#if HWY_ONCE
namespace presswork::modelkit {

HWY_EXPORT(PortableProduct);
HWY_EXPORT(QuantizeRow);

void int_product_portable(const IntProduct& product, std::size_t panel, std::size_t last) {
  HWY_DYNAMIC_DISPATCH(PortableProduct)(product, panel, last);
}

void int_product(const IntProduct& product, std::size_t panel, std::size_t last) {
  static const bool vnni = has_vnni();
  vnni ? int_product_vnni(product, panel, last) : int_product_portable(product, panel, last);
}

void quantize_row(const float* x, std::size_t inputs, std::int8_t* q, float* scales, std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(QuantizeRow)(x, inputs, q, scales, sums);
}

}  // namespace presswork::modelkit
#endif  // HWY_ONCE
