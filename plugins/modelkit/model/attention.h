// The attention of one layer. Letters in shapes as in compute.h.
#pragma once

#include <cstddef>
#include <functional>

#include "plugins/modelkit/model/layer_loader.h"
#include "plugins/modelkit/model/rope_table.h"

namespace presswork::modelkit {

// Keys and values of one sequence's earlier tokens in one layer.
struct LayerCache {
  Matrix keys, values;     // [capacity, G*D]
  std::size_t length = 0;  // rows in use
};

class Attention {
 public:
  explicit Attention(const LayerLoader& layer);

  struct Scratch {
    Matrix q, k, v, attended;
  };
  static std::size_t floats_per_row(const ModelConfig& m);  // of Scratch, and of attention's own copies
  static Scratch scratch(Compute& compute, const ModelConfig& m, std::size_t rows);

  // out [R, C] (+)= o(attention(normed)), sequences of `tokens` rows.
  void forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& normed,
               std::size_t tokens, const RopeTable& rope, Scratch& scratch, const LinearObserver& observer,
               LayerCache* cache) const;

  // Throws naming the first step whose values in `scratch` are not finite.
  void expect_finite(const LayerLoader& layer, const Scratch& scratch) const;

  void each(const std::function<void(Projection&)>& visit);
  std::size_t bytes() const;  // device memory of the linears

 private:
  void norm_heads(const LayerLoader& layer, const std::vector<Norm>& norms, const Matrix& x) const;

  Projection q_, k_, v_, o_;
  std::vector<Norm> q_norm_, k_norm_;  // none, one, or one for each head
  std::vector<float> sinks_;           // [H], or empty
};

}  // namespace presswork::modelkit
