// The CPU behind the seam: rows are shared among threads in fixed blocks, products go to oneDNN.
#pragma once

#include <memory>
#include <mutex>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/compute/cpu/cpu_linear.h"
#include "plugins/modelkit/compute/cpu/matmul.h"
#include "plugins/modelkit/compute/cpu/memory_pool.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

class CpuCompute final : public Compute {
 public:
  CpuCompute(unsigned threads, WeightForm weights);

  std::string_view device() const override { return "cpu"; }
  unsigned threads() const override { return threads_.threads(); }
  ThreadPool& pool() { return threads_; }
  Matrix allocate(std::size_t rows, std::size_t cols) override;
  void write(const Matrix& to, std::span<const float> from) override;
  void read(const Matrix& from, std::span<float> to) override;
  std::shared_ptr<const PackedLinear> pack(const LinearSource& source) override;
  void gather(const Matrix& out, const HostTable& table, std::span<const std::int32_t> ids) override;
  void linear(const Matrix& out, const Matrix& x, const PackedLinear& weight, bool accumulate) override;
  void rms_norm(const Matrix& out, const Matrix& x, const Matrix& weight, float epsilon) override;
  void layer_norm(const Matrix& out, const Matrix& x, const Matrix& weight, const Matrix& bias,
                  float epsilon) override;
  void rope(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim, std::size_t tokens,
            std::size_t first) override;
  void rope_interleaved(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                        std::size_t tokens, std::size_t first) override;
  void attention(const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                 const AttentionShape& shape) override;
  void activate(const Matrix& x, Activation f) override;
  void activate_multiply(const Matrix& gate, const Matrix& up, Activation f) override;
  void add(const Matrix& x, const Matrix& y) override;
  void scale(const Matrix& x, float factor) override;
  void softcap(const Matrix& x, float cap) override;
  void clamp(const Matrix& x, float limit) override;
  void take_rows(const Matrix& out, const Matrix& x, std::span<const std::size_t> rows) override;
  void add_rows(const Matrix& x, const Matrix& y, std::span<const std::size_t> rows,
                std::span<const float> factors) override;
  void log_sum_exp(LogSumExp& state, const Matrix& logits, std::size_t first,
                   std::span<const std::int32_t> targets) override;
  void divergence(Divergence& state, const Matrix& baseline, const Matrix& model, std::size_t first,
                  std::span<const std::int32_t> targets) override;
  bool all_finite(const Matrix& x) override;

 private:
  std::shared_ptr<const CpuLinear> pack_weight(const LinearSource& source);
  // Calls rows(first, last) for blocks of rows that hold about as many values as a first-level cache.
  template <class Rows>
  void each_block(std::size_t rows, std::size_t cols, Rows body);
  template <class RotateHead>
  void each_head(const Matrix& x, const Matrix& cos, const Matrix& sin, std::size_t head_dim,
                 std::size_t tokens, std::size_t first, RotateHead rotate);

  void decode_attention_rows(const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                             const AttentionShape& shape);

  ThreadPool threads_;
  WeightForm weights_;
  std::shared_ptr<MemoryPool> memory_ = std::make_shared<MemoryPool>();
};

}  // namespace presswork::modelkit
