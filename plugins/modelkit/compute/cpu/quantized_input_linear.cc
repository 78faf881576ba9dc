#include "plugins/modelkit/compute/cpu/quantized_input_linear.h"

#include <algorithm>
#include <utility>
#include <vector>

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
    thread_local std::vector<std::int8_t> q;
    q.resize(count);
    const Int8Grid grid = grid_of(inputs_, x + r * x_stride, count);
    to_int8(grid, x + r * x_stride, count, q.data());
    std::transform(q.begin(), q.end(), to + r * count, [&](std::int8_t level) { return grid.value(level); });
  });
  weight_->multiply(out, out_stride, to, count, rows, accumulate, threads);
}

}  // namespace presswork::modelkit
