#include "plugins/modelkit/compute/cpu/quantized_input_linear.h"

#include <utility>
#include <vector>

#include "plugins/modelkit/compute/cpu/training_kernels.h"

namespace presswork::modelkit {

CpuQuantizedInputLinear::CpuQuantizedInputLinear(std::shared_ptr<const CpuLinear> weight,
                                                 const Int8Inputs& inputs)
    : weight_(std::move(weight)), inputs_(inputs) {}

void CpuQuantizedInputLinear::multiply(float* out, std::size_t out_stride, const float* x,
                                       std::size_t x_stride, std::size_t rows, bool accumulate,
                                       ThreadPool& threads) const {
  const std::size_t count = in();
  thread_local std::vector<float> rounded;
  rounded.resize(rows * count);
  float* to = rounded.data();  // the caller's, also in tiles that other threads take
  threads.run(rows, [&](std::size_t r) {
    const float* row = x + r * x_stride;
    fake_quantize_group(to + r * count, row, count, grid_of(inputs_, row, count).levels());
  });
  weight_->multiply(out, out_stride, to, count, rows, accumulate, threads);
}

}  // namespace presswork::modelkit
