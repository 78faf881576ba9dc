// The loss of a model's last states, and its gradient: next-token cross entropy, or the divergence from
// another model's states under the same final norm and head (self-distillation, as LLM-QAT, Liu et al. 2023,
// section 2.2, equation 1). Logits are made for some rows at a time, however large the vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "plugins/modelkit/compute/gradients.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

class LogitLoss {
 public:
  // Holds the head in float32; arguments must outlive it. `rows`: at most, of one call.
  LogitLoss(Transformer& model, Gradients& gradients, std::size_t rows);

  static std::uint64_t predicted_bytes(const ModelConfig& model, std::size_t rows);

  // The mean of -log softmax(logits)[target] over the rows with a target of 0 or more, of states [R, C]
  // before the final norm, in nats; `states` become its gradient.
  double cross_entropy(const Matrix& states, std::span<const std::int32_t> targets);

  // The mean over all rows of KL(softmax of the baseline's logits || softmax of these). `baseline` [R, C]:
  // its states behind the final norm.
  double divergence(const Matrix& states, const Matrix& baseline);

 private:
  // dlogits of rows [first, first + logits.rows), in place; returns the sum of their losses.
  using Rows = std::function<double(const Matrix& logits, std::size_t first)>;
  double each_block(const Matrix& states, const Rows& rows);
  Matrix logits(const Matrix& normed, const Matrix& room) const;

  Transformer& model_;
  Gradients& gradients_;
  float epsilon_, logit_scale_;
  Matrix norm_, head_;             // [1, C], [V, C]
  Matrix normed_, dnormed_;        // [R, C]
  Matrix logits_, baseline_room_;  // [rows of a block, V]
};

}  // namespace presswork::modelkit
