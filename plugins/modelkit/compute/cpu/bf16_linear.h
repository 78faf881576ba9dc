// Weights in bfloat16, widened as they are read: half the memory of float32, and the same arithmetic.
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
  // Rounds the source's values to bfloat16; those of a bfloat16 checkpoint are exact.
  CpuBf16Linear(const LinearSource& source, ThreadPool& threads, const std::shared_ptr<MemoryPool>& memory);

  std::size_t out() const override { return out_; }
  std::size_t in() const override { return in_; }
  std::size_t bytes() const override { return storage_.count() * sizeof(float); }

  // Few rows are multiplied as they are; for many, slices are widened and go to oneDNN.
  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                bool accumulate, ThreadPool& threads) const override;

 private:
  std::uint16_t* slice(std::size_t first) const;

  std::size_t out_, in_;
  std::vector<float> bias_;
  CpuStorage storage_;  // slices of outputs, each [in, count]
};

}  // namespace presswork::modelkit
