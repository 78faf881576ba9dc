// Products of a single row with a slice of a transposed weight: what decoding a token is made of. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presswork::modelkit {

// out [count] (+)= x [in] * weight [in, count], its rows `stride` apart; summed in the order of the inputs.
void row_times_float(float* out, const float* x, const float* weight, std::size_t count, std::size_t stride,
                     std::size_t in, bool accumulate);
// The same with bfloat16 weights.
void row_times_bf16(float* out, const float* x, const std::uint16_t* weight, std::size_t count,
                    std::size_t stride, std::size_t in, bool accumulate);

// Attention of one query head with keys and values as they lie in a cache: softmax(scale * q k^T) v over the
// rows [first, last). `scores` has room for last - first values.
struct DecodeAttention {
  const float* q = nullptr;  // [depth]
  const float* k = nullptr;  // row 0, row stride `stride`
  const float* v = nullptr;
  float* out = nullptr;  // [depth]
  std::size_t stride = 0, depth = 0, first = 0, last = 0;
  float scale = 1.0F, softcap = 0.0F;
  const float* sink = nullptr;  // a score without a value; null: none
};
void decode_attention(const DecodeAttention& head, float* scores);

}  // namespace presswork::modelkit
