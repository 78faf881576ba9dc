// Weights in bfloat16: half the memory of float32. They are widened as they are read, for the same
// arithmetic, or multiplied as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugins/modelkit/compute/cpu/cpu_linear.h"
#include "plugins/modelkit/compute/cpu/memory_pool.h"

namespace presswork::modelkit {

class CpuBf16Linear final : public CpuLinear {
 public:
  // Rounds the source's values to bfloat16; those of a bfloat16 checkpoint are exact. With `products` the
  // activations of many rows are rounded as well, and multiplied in bfloat16.
  CpuBf16Linear(const LinearSource& source, bool products, ThreadPool& threads,
                const std::shared_ptr<MemoryPool>& memory);

  std::size_t out() const override { return out_; }
  std::size_t in() const override { return in_; }
  std::size_t bytes() const override { return storage_.count() * sizeof(float); }

  // Few rows are multiplied with the weights as they are; for many, oneDNN gets slices, widened or not.
  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                bool accumulate, ThreadPool& threads) const override;

 private:
  std::uint16_t* slice(std::size_t first) const;
  // x as bfloat16, whole blocks of rows, the last one filled up with zeros.
  void round_rows(std::vector<std::uint16_t>& narrow, const float* x, std::size_t x_stride, std::size_t rows,
                  ThreadPool& threads) const;
  // The slice's outputs of all rows.
  void multiply_narrow(float* out, std::size_t out_stride, const std::uint16_t* x, std::size_t first,
                       std::size_t count, std::size_t rows, bool accumulate) const;

  std::size_t out_, in_;
  bool products_;
  std::vector<float> bias_;
  CpuStorage storage_;  // slices of outputs, each [in, count]
};

}  // namespace presswork::modelkit
