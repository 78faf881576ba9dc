// Weights of 4 or 8 bits, kept as integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plugins/modelkit/compute/cpu/cpu_linear.h"
#include "plugins/modelkit/compute/cpu/int_kernel.h"
#include "plugins/modelkit/compute/cpu/memory_pool.h"

namespace presswork::modelkit {

class CpuIntLinear final : public CpuLinear {
 public:
  // Quantizes the source's rows in blocks of 32 inputs: 8 bits as llama.cpp's Q8_0 (scale max|w| / 127), 4
  // bits as its Q4_0 (scale w / -8 for the w of largest size), scales rounded to float16.
  CpuIntLinear(const LinearSource& source, int bits, ThreadPool& threads,
               const std::shared_ptr<MemoryPool>& memory);

  // Takes integers as they are stored; `source.integers` must fit, see fits(). Activations are quantized as
  // `source.inputs` says, if it does.
  CpuIntLinear(const LinearSource& source, ThreadPool& threads, const std::shared_ptr<MemoryPool>& memory);
  static bool fits(const LinearSource& source);

  std::size_t out() const override { return out_; }
  std::size_t in() const override { return in_; }
  std::size_t bytes() const override { return weights_.count() * sizeof(float) + scale_bytes(); }

  // Activations are quantized to 8 bits, in blocks of 32 unless the source said how; a row does not depend on
  // the others.
  void multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, std::size_t rows,
                bool accumulate, ThreadPool& threads) const override;

 private:
  struct Activations;

  std::uint8_t* panel(std::size_t index);
  // Places q (signed) of output `out` and inputs [first, first + 32).
  void place(std::size_t out, std::size_t block, const std::int8_t* q);
  void quantize(const float* x, std::size_t row, Activations& activations) const;
  void subtract_zeros(float* out, std::size_t out_stride, const Activations& activations,
                      std::size_t first_row, std::size_t rows, std::size_t first, std::size_t last) const;
  std::size_t panels() const { return (out_ + IntPanels::kOutputs - 1) / IntPanels::kOutputs; }
  std::size_t scale_bytes() const {
    return half_scales_.size() * sizeof(std::uint16_t) + (scales_.size() + row_sums_.size()) * sizeof(float) +
           zeros_.size();
  }

  std::size_t out_, in_;
  std::vector<float> bias_;
  IntPanels layout_;
  CpuStorage weights_;
  std::vector<std::uint16_t> half_scales_;
  std::vector<float> scales_;
  std::vector<std::int8_t> zeros_;
  std::optional<Int8Inputs> inputs_;
  std::vector<float> row_sums_;  // of the weights, for inputs with a zero point
};

}  // namespace presswork::modelkit
