// The backward of the operations of compute.h, for training: from a loss's gradient by an operation's output
// those by its inputs. `d` before a name means the gradient of the loss by it. Letters in shapes as in
// compute.h; all is float32, row-major, and independent of the number of threads, as there.
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

  // dx [R, C], dweight [1, C]. `dx` may be `dout`.
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
};

// Of make_cpu_compute()'s devices, whose threads it shares; `compute` must outlive it.
std::unique_ptr<Gradients> make_cpu_gradients(Compute& compute);

}  // namespace presswork::modelkit
