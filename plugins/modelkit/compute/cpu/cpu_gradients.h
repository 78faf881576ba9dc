// Gradients on the CPU.
#pragma once

#include <algorithm>

#include "plugins/modelkit/compute/cpu/cpu_compute.h"
#include "plugins/modelkit/compute/gradients.h"

namespace presswork::modelkit {

class CpuGradients final : public Gradients {
 public:
  explicit CpuGradients(ThreadPool& threads) : threads_(threads) {}

  void product(const Matrix& out, const Matrix& a, Form a_form, const Matrix& b, Form b_form,
               bool accumulate) override;
  void add_bias(const Matrix& dbias, const Matrix& dout) override;
  void gather(const Matrix& dtable, const Matrix& dout, std::span<const std::int32_t> ids) override;
  void rms_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dout, const Matrix& x,
                const Matrix& weight, float epsilon) override;
  void layer_norm(const Matrix& dx, const Matrix& dweight, const Matrix& dbias, const Matrix& dout,
                  const Matrix& x, const Matrix& weight, float epsilon) override;
  void attention(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& out,
                 const Matrix& q, const Matrix& k, const Matrix& v, const AttentionShape& shape) override;
  void activate(const Matrix& dx, const Matrix& x, Activation f) override;
  void activate_multiply(const Matrix& dgate, const Matrix& dup, const Matrix& dout, const Matrix& gate,
                         const Matrix& up, Activation f) override;
  void softcap(const Matrix& dx, const Matrix& x, float cap) override;
  void log_sum_exp(const Matrix& logits, const LogSumExp& state, std::size_t first,
                   std::span<const std::int32_t> targets, std::span<const float> factors) override;
  void divergence(const Matrix& model, const Matrix& baseline, const Divergence& state,
                  std::span<const float> factors) override;
  void fake_quantize(const Matrix& out, const Matrix& weight, const LearnedGrid& grid) override;
  void fake_quantize_gradient(const Matrix& dweight, const Matrix& dscales, const Matrix& weight,
                              const LearnedGrid& grid) override;
  void scale_groups(const Matrix& out, const Matrix& levels, const Matrix& scales) override;
  void scale_groups_gradient(const Matrix& dscales, const Matrix& dout, const Matrix& levels) override;
  double sum_of_squares(const Matrix& x) override;
  void adamw(const Matrix& value, const Matrix& gradient, const Matrix& mean, const Matrix& square,
             const AdamwStep& step) override;

 private:
  // Both norms; rms_norm() is the one that is not centred.
  void norm(const Matrix& dx, const Matrix& dweight, const Matrix& dout, const Matrix& x,
            const Matrix& weight, float epsilon, bool centred);
  // body(row) for each of `rows`, in blocks.
  template <class Body>
  void each_row(std::size_t rows, Body body) {
    constexpr std::size_t kRows = 16;
    threads_.run((rows + kRows - 1) / kRows, [&](std::size_t i) {
      for (std::size_t r = i * kRows; r < std::min(rows, (i + 1) * kRows); ++r) body(r);
    });
  }
  // sums[c] += value(r, c) over all rows, in the order of the rows.
  template <class Value>
  void add_columns(float* sums, std::size_t rows, std::size_t cols, Value value);

  ThreadPool& threads_;
};

}  // namespace presswork::modelkit
