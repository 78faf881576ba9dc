// One decoder layer of Llama's shape with its backward pass: the weights of its linears come from outside,
// its norms and biases are the model's and stay. Letters in shapes as in compute.h, I is the MLP's width.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/compute/gradients.h"
#include "plugins/modelkit/model/model_source.h"
#include "plugins/modelkit/model/rope_table.h"

namespace presswork::modelkit {

// Cosines and sines of windows of one length, and those that turn gradients back.
struct TrainingRope {
  TrainingRope(Compute& compute, const ModelConfig& model, std::size_t tokens);
  std::size_t tokens;
  RopeTable forward, backward;
};

// Plain float32 weights [out, in] of a layer's linears, or gradients by them, in the order q, k, v, o, gate,
// up, down. A gradient without storage is not wanted.
constexpr std::size_t kLayerLinears = 7;
using LayerWeights = std::array<Matrix, kLayerLinears>;

LayerWeights allocate_weights(Compute& compute, const ModelConfig& model);

// What the norm `module` (whole name) multiplies by, [1, C].
Matrix norm_factors(Compute& compute, const ModelSource& source, const std::string& module);

// What forward() leaves for backward(), and the latter's own room, for at most `rows` rows. Layers of one
// model can share one, one after the other.
struct LayerTape {
  LayerTape(Compute& compute, const ModelConfig& model, std::size_t rows);
  static std::size_t floats_per_row(const ModelConfig& model);

  Matrix input, attention_input, q, k, v, attended;  // [R, C], [R, C], [R, H*D], [R, G*D] twice, [R, H*D]
  Matrix middle, mlp_input, gate, up, product;       // [R, C] twice, [R, I] three times
  Matrix dstates, dq, dk, dv, dattended, dgate, dup;
  std::vector<std::size_t> all_rows;  // 0, 1, ...
};

class TrainingLayer {
 public:
  // The arguments must outlive it. The model's layers must be trainable (trainable.h).
  TrainingLayer(Compute& compute, Gradients& gradients, const ModelSource& source, std::int64_t index);

  std::int64_t index() const { return index_; }
  const std::vector<LinearSite>& sites() const { return sites_; }  // in the order of LayerWeights, relative

  // out [R, C] of x [R, C], which the tape goes on using.
  void forward(const Matrix& out, const Matrix& x, const LayerWeights& weights, const TrainingRope& rope,
               LayerTape& tape) const;

  // d [R, C] holds the gradient by forward()'s output and becomes, with `to_input`, that by its input. Writes
  // the gradients by the weights.
  void backward(const Matrix& d, const LayerWeights& weights, const LayerWeights& dweights,
                const TrainingRope& rope, LayerTape& tape, bool to_input) const;

 private:
  void linear(const Matrix& out, const Matrix& x, const LayerWeights& weights, std::size_t which) const;
  // The backward of one linear: dx [R, in] (+)= dout W, dW = dout^T x.
  void linear_backward(const Matrix& dx, bool accumulate, const Matrix& dout, const Matrix& x,
                       const LayerWeights& weights, const LayerWeights& dweights, std::size_t which) const;
  void attention_backward(const Matrix& dmiddle, const LayerWeights& weights, const LayerWeights& dweights,
                          const TrainingRope& rope, LayerTape& tape, bool to_input) const;
  AttentionShape shape(std::size_t rows, std::size_t tokens) const;

  Compute& compute_;
  Gradients& gradients_;
  const ModelConfig& model_;
  std::int64_t index_;
  std::vector<LinearSite> sites_;
  std::array<Matrix, kLayerLinears> biases_;  // [1, out], or without storage
  Matrix input_norm_, mlp_norm_;              // [1, C]
};

}  // namespace presswork::modelkit
