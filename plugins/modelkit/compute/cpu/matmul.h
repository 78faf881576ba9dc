// Products with a weight that is used many times, by oneDNN. The weight is kept transposed and cut into
// slices of outputs, so that a slice stays in the cache while rows pass by.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "plugins/modelkit/compute/cpu/cpu_linear.h"
#include "plugins/modelkit/compute/cpu/memory_pool.h"

namespace presswork::modelkit {

// out [rows, n] (+)= x [rows, in] * weight [in, n] by oneDNN, in blocks of `height` rows, the last one filled
// up.
void multiply_slice(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                    const float* weight, std::size_t rows, std::size_t n, std::size_t in, bool accumulate,
                    std::size_t height);

class CpuPackedLinear final : public CpuLinear {
 public:
  // Converts and transposes the slices in parallel.
  CpuPackedLinear(const LinearSource& source, ThreadPool& threads, const std::shared_ptr<MemoryPool>& memory);

  std::size_t out() const override { return out_; }
  std::size_t in() const override { return in_; }
  std::size_t bytes() const override { return storage_.count() * sizeof(float); }

  // Rows are taken in blocks of one height, the last one filled up: a row's result does not depend on how
  // many others come with it, except that few rows (at most kSingleRows, kFewRows) go other ways.
  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                bool accumulate, ThreadPool& threads) const override;

  static constexpr std::size_t kSingleRows = 4, kFewRows = 16;

 private:
  struct Slice {
    std::size_t first = 0, count = 0;  // outputs
    const float* weight = nullptr;     // [in, count]
  };
  Slice slice(std::size_t index) const;

  std::size_t out_, in_;
  std::vector<float> bias_;
  CpuStorage storage_;
};

}  // namespace presswork::modelkit
