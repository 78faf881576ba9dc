// Products with a weight that is used many times, by oneDNN. The weight is cut into slices of outputs, and
// each slice is stored in the blocked layout that oneDNN's kernel asks for.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/compute/cpu/memory_pool.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

class SliceKernel;  // oneDNN primitives for one width of slice

class CpuPackedLinear final : public PackedLinear {
 public:
  std::size_t out() const override { return out_; }
  std::size_t in() const override { return in_; }
  std::size_t bytes() const override { return storage_->count() * sizeof(float); }

 private:
  friend class Matmul;
  struct Slice {
    std::shared_ptr<const SliceKernel> kernel;
    std::size_t first = 0, count = 0;  // outputs
    float* weight = nullptr;           // inside storage_
  };
  std::size_t out_ = 0, in_ = 0;
  std::unique_ptr<CpuStorage> storage_;
  std::vector<float> bias_;
  std::vector<Slice> slices_;
};

class Matmul {
 public:
  Matmul(ThreadPool& threads, std::shared_ptr<MemoryPool> memory);
  ~Matmul();

  std::shared_ptr<const PackedLinear> pack(const LinearSource& source);

  // out [rows, N] (+)= x [rows, K] * weight^T + bias. Strides in elements; `out` and `x` do not overlap. Rows
  // are taken in blocks of a fixed height, the last one filled up, so that a row's result does not depend on
  // how many others come with it.
  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                const CpuPackedLinear& weight, bool accumulate);

 private:
  class Kernels;
  ThreadPool& threads_;
  std::shared_ptr<MemoryPool> memory_;
  std::unique_ptr<Kernels> kernels_;
};

}  // namespace presswork::modelkit
