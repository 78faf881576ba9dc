// The backward of the operations of compute.h, for training, and what else only training does: from a loss's
// gradient by an operation's output those by its inputs. `d` before a name means the gradient of the loss by
// it. Letters in shapes as in compute.h; all is float32, row-major, and independent of the number of threads,
// as there.
//
// Gradients by activations are written, or replace the output's in place; gradients by parameters are added
// to what is there, since a parameter is used by many rows and batches. What has no operation here needs
// none: the backward of add() is to hand the gradient on, of scale() to scale it, of take_rows() add_rows()
// and the reverse, and of a rope the rope with -sin.
//
// tests/unit/modelkit_compute/gradients_test.cc holds an implementation to finite differences of the forward
// in float64.
#pragma once

#include <memory>
#include <span>

#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

// The grid of a weight [N, K] that is trained under quantization: value = (q - zero) * scale, with one of
// both for each row and group of K / G inputs.
struct LearnedGrid {
  int bits = 4;   // q in [-2^(bits-1), 2^(bits-1) - 1]
  Matrix scales;  // [N, G], above 0
  Matrix zeros;   // [N, G] whole numbers; without storage: all 0
};

// One step of AdamW (Loshchilov & Hutter 2019, algorithm 2).
struct AdamwStep {
  double rate = 0;  // learning rate of this step
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0;
  std::int64_t step = 1;       // from 1
  double gradient_factor = 1;  // of the gradient, for instance from clipping
};

class Gradients {
 public:
  virtual ~Gradients() = default;

  enum class Form { Plain, Transposed };

  // out [M, N] = a b, with `accumulate` added to what `out` holds; a is stored [M, K], or [K, M] when
  // transposed, b [K, N], or [N, K]. A linear out = x W^T and its backward, W [N, K] being plain values:
  //   out = product(x, W transposed)    dx = product(dout, W)    dW += product(dout transposed, x)
  virtual void product(const Matrix& out, const Matrix& a, Form a_form, const Matrix& b, Form b_form,
                       bool accumulate = false) = 0;

  // dbias [1, N] += the sums of dout's [R, N] columns.
  virtual void add_bias(const Matrix& dbias, const Matrix& dout) = 0;

  // dtable [V, C] += dout [R, C] at rows `ids` [R], which may repeat.
  virtual void gather(const Matrix& dtable, const Matrix& dout, std::span<const std::int32_t> ids) = 0;

  // dx [R, C], dweight [1, C]; a dweight without storage is left out. `dx` may be `dout`.
  virtual void rms_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dout, const Matrix& x,
                        const Matrix& weight, float epsilon) = 0;

  // dx [R, C], dweight and dbias [1, C]; a dbias without storage is left out. `dx` may be `dout`.
  virtual void layer_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dbias, const Matrix& dout,
                          const Matrix& x, const Matrix& weight, float epsilon) = 0;

  // dq like q, dk and dv like k. `out` is what attention() gave. Holds the scores of a block of queries only.
  // Dao et al. 2022 (FlashAttention), algorithm 4.
  virtual void attention(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout,
                         const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                         const AttentionShape& shape) = 0;

  // dx [R, N] holds the gradient by f(x) and becomes that by x.
  virtual void activate(const Matrix& dx, const Matrix& x, Activation f) = 0;

  // Of f(gate) * up. `dgate` may be `dout`.
  virtual void activate_multiply(const Matrix& dgate, const Matrix& dup, const Matrix& dout,
                                 const Matrix& gate, const Matrix& up, Activation f) = 0;

  // dx holds the gradient by cap * tanh(x / cap) and becomes that by x.
  virtual void softcap(const Matrix& dx, const Matrix& x, float cap) = 0;

  // The logits [R, n] of entries [first, first + n) become factors[r] times the gradient of row r's negative
  // log-likelihood by them; `state` is log_sum_exp()'s over the whole vocabulary.
  virtual void log_sum_exp(const Matrix& logits, const LogSumExp& state, std::size_t first,
                           std::span<const std::int32_t> targets, std::span<const float> factors) = 0;

  // The same for the divergence KL(baseline || model) by the model's logits, in place of them.
  virtual void divergence(const Matrix& model, const Matrix& baseline, const Divergence& state,
                          std::span<const float> factors) = 0;

  // out [N, K] = `weight` on its grid: the nearest level's value, half to even.
  virtual void fake_quantize(const Matrix& out, const Matrix& weight, const LearnedGrid& grid) = 0;

  // dweight [N, K] holds the gradient by what fake_quantize() gave and becomes that by `weight`: straight
  // through where the nearest level is on the grid, else 0. dscales [N, G] += the gradient by the scales:
  // of each weight q - zero, less weight / scale where straight through. Esser et al. 2020 (LSQ), equations 3
  // and 5, but for weights up to half a step beyond the grid, which count as inside (as in EfficientQAT, Chen
  // et al. 2024): a weight on the outermost level goes on learning.
  virtual void fake_quantize_gradient(const Matrix& dweight, const Matrix& dscales, const Matrix& weight,
                                      const LearnedGrid& grid) = 0;

  // out [N, K] = levels * scales [N, G], and dscales += the sums over each group of dout * levels.
  virtual void scale_groups(const Matrix& out, const Matrix& levels, const Matrix& scales) = 0;
  virtual void scale_groups_gradient(const Matrix& dscales, const Matrix& dout, const Matrix& levels) = 0;

  virtual double sum_of_squares(const Matrix& x) = 0;  // float64

  // Moves `value`, with its moments `mean` and `square`, which start at 0; all four of one shape.
  virtual void adamw(const Matrix& value, const Matrix& gradient, const Matrix& mean, const Matrix& square,
                     const AdamwStep& step) = 0;
};

// Of make_cpu_compute()'s devices, whose threads it shares; `compute` must outlive it.
std::unique_ptr<Gradients> make_cpu_gradients(Compute& compute);

}  // namespace presswork::modelkit
