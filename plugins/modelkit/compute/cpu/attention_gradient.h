// The backward of attention for one sequence's key/value head, on one thread.
#pragma once

#include <cstddef>
#include <vector>

namespace presswork::modelkit {

// Query heads [0, heads) that share a key/value head. Rows are apart by the strides; head h starts h * depth
// further.
struct AttentionGradient {
  const float *q = nullptr, *out = nullptr, *dout = nullptr;  // [queries, heads * depth]
  float* dq = nullptr;
  std::size_t q_stride = 0, out_stride = 0, dout_stride = 0, dq_stride = 0;
  const float *k = nullptr, *v = nullptr;  // [keys, depth]
  float *dk = nullptr, *dv = nullptr;
  std::size_t k_stride = 0, v_stride = 0, dk_stride = 0, dv_stride = 0;
  std::size_t heads = 0, queries = 0, keys = 0, depth = 0;
  std::size_t sliding_window = 0;  // 0: none
  float scale = 1.0F, softcap = 0.0F;
  const float* sinks = nullptr;  // [heads], or null
};

// Writes dq, dk and dv. `scratch` is grown to the scores of a block of queries.
void attention_gradient(const AttentionGradient& one, std::vector<float>& scratch);

}  // namespace presswork::modelkit
