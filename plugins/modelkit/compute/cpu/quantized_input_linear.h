// A linear whose inputs are rounded to 8-bit integers before they are multiplied in float32: what stands in
// for integer products where the weights are no integers in blocks of 32.
#pragma once

#include <memory>

#include "plugins/modelkit/compute/cpu/cpu_linear.h"
#include "plugins/modelkit/compute/int8_inputs.h"

namespace presswork::modelkit {

class CpuQuantizedInputLinear final : public CpuLinear {
 public:
  CpuQuantizedInputLinear(std::shared_ptr<const CpuLinear> weight, const Int8Inputs& inputs);

  std::size_t out() const override { return weight_->out(); }
  std::size_t in() const override { return weight_->in(); }
  std::size_t bytes() const override { return weight_->bytes(); }

  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                bool accumulate, ThreadPool& threads) const override;

 private:
  std::shared_ptr<const CpuLinear> weight_;
  Int8Inputs inputs_;
};

}  // namespace presswork::modelkit
