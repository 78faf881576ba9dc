// int_product() for x86 with AVX-512 VNNI, whose instruction multiplies four pairs of bytes for each of 16
// outputs. Highway 1.0 has no operation for it.
#include "plugins/modelkit/compute/cpu/int_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#if !defined(__clang__)
// GCC 12 warns of the undefined operand inside its own intrinsics (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define PRESSWORK_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")))

namespace presswork::modelkit {
namespace {

constexpr std::size_t kOutputs = IntPanels::kOutputs, kBlock = IntPanels::kBlock;

PRESSWORK_VNNI inline __m512 load_scales(const IntPanels& w, std::size_t at) {
  if (w.scales != nullptr) return _mm512_loadu_ps(w.scales + at);
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w.half_scales + at)));
}

PRESSWORK_VNNI inline __m512i load_zeros(const IntPanels& w, std::size_t at) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w.zeros + at)));
}

PRESSWORK_VNNI inline __m512i quad(const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

// One panel for kRows rows: weights are loaded once for all of them.
template <int kBits, bool kZeros, std::size_t kRows>
PRESSWORK_VNNI inline void panel_rows(const IntProduct& p, std::size_t panel, std::size_t row) {
  const IntPanels& w = *p.weight;
  constexpr std::size_t kBytes = kBlock * kOutputs * kBits / 8;
  const std::uint8_t* at = w.weights + panel * w.panel_bytes();
  const std::size_t groups = w.groups(), blocks = p.x->blocks;
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 total[kRows];
  for (std::size_t r = 0; r < kRows; ++r) total[r] = _mm512_setzero_ps();
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t place = (panel * groups + group) * kOutputs;
    const __m512 scale = load_scales(w, place);
    constexpr std::int32_t kOffset = 1 << (kBits - 1);
    __m512i offset = _mm512_set1_epi32(kOffset);
    if (kZeros) offset = _mm512_add_epi32(load_zeros(w, place), offset);
    const std::size_t end = std::min(w.blocks, (group + 1) * w.blocks_per_group);
    for (std::size_t block = group * w.blocks_per_group; block < end; ++block, at += kBytes) {
      __m512i dot[kRows];
      const std::int8_t* x[kRows];
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::size_t one = (row + r) * blocks + block;
        x[r] = p.x->q + one * kBlock;
        dot[r] = kZeros ? _mm512_mullo_epi32(offset, _mm512_set1_epi32(-p.x->sums[one]))
                        : _mm512_set1_epi32(-kOffset * p.x->sums[one]);
      }
      if (kBits == 8) {
#pragma GCC unroll 8
        for (std::size_t j = 0; j < 8; ++j) {
          const __m512i bytes = _mm512_loadu_si512(at + j * 64);
#pragma GCC unroll 8
          for (std::size_t r = 0; r < kRows; ++r) {
            dot[r] = _mm512_dpbusd_epi32(dot[r], bytes, quad(x[r] + j * 4));
          }
        }
      } else {
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) {
          const __m512i bytes = _mm512_loadu_si512(at + j * 64);
          const __m512i low = _mm512_and_si512(bytes, nibble);
          const __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
#pragma GCC unroll 8
          for (std::size_t r = 0; r < kRows; ++r) {
            dot[r] = _mm512_dpbusd_epi32(dot[r], low, quad(x[r] + j * 4));
            dot[r] = _mm512_dpbusd_epi32(dot[r], high, quad(x[r] + (j + 4) * 4));
          }
        }
      }
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(p.x->scales[(row + r) * blocks + block]));
        total[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r]), factor, total[r]);
      }
    }
  }
  const std::size_t first = panel * kOutputs, count = std::min(kOutputs, p.outputs - first);
  const auto mask = static_cast<__mmask16>((1U << count) - 1U);
  for (std::size_t r = 0; r < kRows; ++r) {
    float* out = p.out + (row + r) * p.out_stride + first;
    if (p.accumulate) total[r] = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), total[r]);
    _mm512_mask_storeu_ps(out, mask, total[r]);
  }
}

template <int kBits, bool kZeros>
PRESSWORK_VNNI void panels_of(const IntProduct& p, std::size_t panel, std::size_t last) {
  constexpr std::size_t kRows = 6;
  for (; panel < last; ++panel) {
    std::size_t row = 0;
    for (; row + kRows <= p.x->rows; row += kRows) panel_rows<kBits, kZeros, kRows>(p, panel, row);
    for (; row < p.x->rows; ++row) panel_rows<kBits, kZeros, 1>(p, panel, row);
  }
}

}  // namespace

bool has_vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

void int_product_vnni(const IntProduct& product, std::size_t panel, std::size_t last) {
  const bool zeros = product.weight->zeros != nullptr;
  if (product.weight->bits == 8) {
    zeros ? panels_of<8, true>(product, panel, last) : panels_of<8, false>(product, panel, last);
  } else {
    zeros ? panels_of<4, true>(product, panel, last) : panels_of<4, false>(product, panel, last);
  }
}

}  // namespace presswork::modelkit

#else

namespace presswork::modelkit {

bool has_vnni() { return false; }
void int_product_vnni(const IntProduct& product, std::size_t panel, std::size_t last) {
  int_product_portable(product, panel, last);
}

}  // namespace presswork::modelkit

#endif
