#include "plugins/modelkit/compute/cpu/bf16_linear.h"

#include <algorithm>

#include "plugins/modelkit/compute/cpu/few_rows_kernel.h"
#include "plugins/modelkit/compute/cpu/matmul.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSlice = 128;  // outputs
constexpr std::size_t kFewRows = 4;  // taken with the weights as they are
constexpr std::size_t kHeight = 64;  // rows of a block for oneDNN

}  // namespace

CpuBf16Linear::CpuBf16Linear(const LinearSource& source, ThreadPool& threads,
                             const std::shared_ptr<MemoryPool>& memory)
    : out_(source.out),
      in_(source.in),
      bias_(source.bias.begin(), source.bias.end()),
      storage_(memory, (source.out * source.in + 1) / 2) {
  threads.run((out_ + kSlice - 1) / kSlice, [&](std::size_t i) {
    const std::size_t first = i * kSlice, count = std::min(kSlice, out_ - first);
    std::vector<float> row(in_);
    std::vector<std::uint16_t> narrow(in_);
    std::uint16_t* to = slice(first);
    for (std::size_t r = 0; r < count; ++r) {
      source.rows(first + r, first + r + 1, row.data());
      from_float(DType::BF16, row.data(), in_, narrow.data());
      for (std::size_t k = 0; k < in_; ++k) to[k * count + r] = narrow[k];
    }
  });
}

std::uint16_t* CpuBf16Linear::slice(std::size_t first) const {
  return reinterpret_cast<std::uint16_t*>(storage_.data()) + first * in_;
}

void CpuBf16Linear::multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                             std::size_t rows, bool accumulate, ThreadPool& threads) const {
  threads.run((out_ + kSlice - 1) / kSlice, [&](std::size_t i) {
    const std::size_t first = i * kSlice, count = std::min(kSlice, out_ - first);
    float* to = out + first;
    if (rows <= kFewRows) {
      for (std::size_t r = 0; r < rows; ++r) {
        row_times_bf16(to + r * out_stride, x + r * x_stride, slice(first), count, count, in_, accumulate);
      }
    } else {
      thread_local std::vector<float> wide;
      wide.resize(count * in_);
      to_float(DType::BF16, slice(first), wide.size(), wide.data());
      multiply_slice(to, out_stride, x, x_stride, wide.data(), rows, count, in_, accumulate, kHeight);
    }
    if (!bias_.empty()) add_bias(to, out_stride, rows, count, bias_.data() + first);
  });
}

}  // namespace presswork::modelkit
