// The MLP of one layer, or its mixture of experts. Letters in shapes as in compute.h.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "plugins/modelkit/model/layer_loader.h"

namespace presswork::modelkit {

// down(f(gate(x)) * up(x)), or down(f(up(x))) without a gate.
class Mlp {
 public:
  Mlp(const LayerLoader& layer, std::string_view gate, std::string_view up, std::string_view down,
      std::string_view gate_up = {});

  std::size_t width() const { return up_.packed->out(); }
  // hidden and gate: at least [R, width()], used as scratch.
  void forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& x,
               const Matrix& gate, const Matrix& hidden, const LinearObserver& observer) const;
  void expect_finite(const LayerLoader& layer, const Matrix& gate, const Matrix& hidden) const;
  void each(const std::function<void(Projection&)>& visit);
  std::size_t bytes() const;  // device memory of the linears

 private:
  bool gated_, fused_;
  Projection gate_, up_, down_;
};

class FeedForward {
 public:
  explicit FeedForward(const LayerLoader& layer);

  struct Scratch {
    Matrix gate, hidden;      // [R, widest MLP]
    Matrix chosen, produced;  // [R, C] of one expert; with experts only
  };
  static std::size_t floats_per_row(const ModelConfig& m);
  static Scratch scratch(Compute& compute, const ModelConfig& m, std::size_t rows);

  // out [R, C] (+)= MLP(normed).
  void forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& normed,
               const Scratch& scratch, const LinearObserver& observer) const;
  void expect_finite(const LayerLoader& layer, const Scratch& scratch) const;
  void each(const std::function<void(Projection&)>& visit);
  std::size_t bytes() const;  // device memory of the linears

 private:
  void mix(const LayerLoader& layer, const Matrix& out, const Matrix& normed, const Scratch& scratch,
           const LinearObserver& observer) const;
  void add_shared(const LayerLoader& layer, const Matrix& out, const Matrix& normed, const Scratch& scratch,
                  const LinearObserver& observer) const;

  std::vector<Mlp> mlps_;  // one, or the experts and after them the shared one
  Projection router_, shared_router_;
  std::vector<float> router_bias_;  // [E], or empty
};

}  // namespace presswork::modelkit
