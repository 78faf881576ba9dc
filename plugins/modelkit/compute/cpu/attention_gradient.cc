#include "plugins/modelkit/compute/cpu/attention_gradient.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/compute/cpu/sgemm.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kQueries = 64;  // of a block

// Queries [first, first + rows) of one head against keys [begin, end).
struct Block {
  std::size_t head = 0, first = 0, rows = 0, begin = 0, end = 0;
  float* weights = nullptr;  // [rows, end - begin]: scores, then the softmax's values
  float* slopes = nullptr;   // likewise: gradients by the weights, then by the raw scores
  std::size_t keys() const { return end - begin; }
};

// One query's keys, as offsets from the block's first: [first, last).
struct Seen {
  std::size_t first = 0, last = 0;
};

Seen seen_by(const AttentionGradient& one, const Block& block, std::size_t row) {
  const std::size_t end = one.keys - one.queries + block.first + row + 1;
  const std::size_t begin =
      one.sliding_window != 0 && end > one.sliding_window ? end - one.sliding_window : 0;
  return {begin - block.begin, end - block.begin};
}

// Scores of one query become its softmax; `bend` becomes the derivative of the capped score by the raw one.
void soften(const AttentionGradient& one, const Block& block, std::size_t row, float* bend) {
  float* score = block.weights + row * block.keys();
  const auto [first, last] = seen_by(one, block, row);
  float top = one.sinks == nullptr ? -INFINITY : one.sinks[block.head];
  for (std::size_t t = first; t < last; ++t) {
    bend[t] = 1.0F;
    if (one.softcap > 0.0F) {
      const float bent = std::tanh(score[t] / one.softcap);
      bend[t] = 1.0F - bent * bent;
      score[t] = one.softcap * bent;
    }
    top = std::max(top, score[t]);
  }
  float sum = one.sinks == nullptr ? 0.0F : std::exp(one.sinks[block.head] - top);
  for (std::size_t t = first; t < last; ++t) sum += score[t] = std::exp(score[t] - top);
  std::fill(score, score + first, 0.0F);
  std::fill(score + last, score + block.keys(), 0.0F);
  for (std::size_t t = first; t < last; ++t) score[t] /= sum;
}

// The gradients by one query's weights become those by its raw scores. A sink changes nothing here: its value
// is 0.
void bend_slopes(const AttentionGradient& one, const Block& block, std::size_t row, const float* bend) {
  const std::size_t place = block.first + row, column = block.head * one.depth;
  const float *out = one.out + place * one.out_stride + column,
              *dout = one.dout + place * one.dout_stride + column;
  float along = 0.0F;  // the sum of weights times their gradients
  for (std::size_t i = 0; i < one.depth; ++i) along += out[i] * dout[i];
  const float* weight = block.weights + row * block.keys();
  float* slope = block.slopes + row * block.keys();
  const auto [first, last] = seen_by(one, block, row);
  std::fill(slope, slope + first, 0.0F);
  for (std::size_t t = first; t < last; ++t) slope[t] = weight[t] * (slope[t] - along) * bend[t] * one.scale;
  std::fill(slope + last, slope + block.keys(), 0.0F);
}

void run(const AttentionGradient& one, const Block& block, float* bend) {
  const std::size_t column = block.head * one.depth, keys = block.keys();
  const float* q = one.q + block.first * one.q_stride + column;
  const float* dout = one.dout + block.first * one.dout_stride + column;
  const float *k = one.k + block.begin * one.k_stride, *v = one.v + block.begin * one.v_stride;
  sgemm({'N', 'T', block.rows, keys, one.depth, one.scale, q, one.q_stride, k, one.k_stride, 0.0F,
         block.weights, keys});
  sgemm({'N', 'T', block.rows, keys, one.depth, 1.0F, dout, one.dout_stride, v, one.v_stride, 0.0F,
         block.slopes, keys});
  for (std::size_t row = 0; row < block.rows; ++row) {
    soften(one, block, row, bend);
    bend_slopes(one, block, row, bend);
  }
  float* dq = one.dq + block.first * one.dq_stride + column;
  sgemm({'N', 'N', block.rows, one.depth, keys, 1.0F, block.slopes, keys, k, one.k_stride, 0.0F, dq,
         one.dq_stride});
  sgemm({'T', 'N', keys, one.depth, block.rows, 1.0F, block.slopes, keys, q, one.q_stride, 1.0F,
         one.dk + block.begin * one.dk_stride, one.dk_stride});
  sgemm({'T', 'N', keys, one.depth, block.rows, 1.0F, block.weights, keys, dout, one.dout_stride, 1.0F,
         one.dv + block.begin * one.dv_stride, one.dv_stride});
}

}  // namespace

void attention_gradient(const AttentionGradient& one, std::vector<float>& scratch) {
  scratch.resize((2 * kQueries + 1) * one.keys);
  for (std::size_t t = 0; t < one.keys; ++t) {
    std::fill_n(one.dk + t * one.dk_stride, one.depth, 0.0F);
    std::fill_n(one.dv + t * one.dv_stride, one.depth, 0.0F);
  }
  float* bend = scratch.data() + 2 * kQueries * one.keys;
  for (std::size_t head = 0; head < one.heads; ++head) {
    for (std::size_t first = 0; first < one.queries; first += kQueries) {
      Block block{head, first, std::min(kQueries, one.queries - first)};
      const std::size_t oldest =
          one.keys - one.queries + first + 1;  // keys that the first query sees, and before
      block.begin = one.sliding_window != 0 && oldest > one.sliding_window ? oldest - one.sliding_window : 0;
      block.end = one.keys - one.queries + first + block.rows;
      block.weights = scratch.data();
      block.slopes = scratch.data() + kQueries * one.keys;
      run(one, block, bend);
    }
  }
}

}  // namespace presswork::modelkit
