#include "plugins/modelkit/compute/cpu/bf16_linear.h"

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/compute/cpu/bf16_product.h"
#include "plugins/modelkit/compute/cpu/few_rows_kernel.h"
#include "plugins/modelkit/compute/cpu/matmul.h"
#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSlice = 128;  // outputs
constexpr std::size_t kFewRows = 4;  // taken with the weights as they are
constexpr std::size_t kHeight = 64;  // rows of a block for oneDNN

}  // namespace

CpuBf16Linear::CpuBf16Linear(const LinearSource& source, bool products, ThreadPool& threads,
                             const std::shared_ptr<MemoryPool>& memory)
    : out_(source.out),
      in_(source.in),
      products_(products),
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

void CpuBf16Linear::round_rows(std::vector<std::uint16_t>& narrow, const float* x, std::size_t x_stride,
                               std::size_t rows, ThreadPool& threads) const {
  const std::size_t filled = (rows + kHeight - 1) / kHeight * kHeight;
  narrow.resize(filled * in_);
  threads.run(rows, [&](std::size_t r) { from_float(DType::BF16, x + r * x_stride, in_, &narrow[r * in_]); });
  std::fill(narrow.begin() + static_cast<std::ptrdiff_t>(rows * in_), narrow.end(), std::uint16_t{0});
}

void CpuBf16Linear::multiply_narrow(float* out, std::size_t out_stride, const std::uint16_t* x,
                                    std::size_t first, std::size_t count, std::size_t rows,
                                    bool accumulate) const {
  Bf16Product product{.m = kHeight,
                      .n = count,
                      .k = in_,
                      .a_stride = in_,
                      .b = slice(first),
                      .b_stride = count,
                      .accumulate = accumulate};
  thread_local std::vector<float> padded;
  for (std::size_t row = 0; row < rows; row += kHeight) {
    const std::size_t filled = std::min(kHeight, rows - row);
    float* to = out + row * out_stride;
    product.a = x + row * in_;
    product.c = to;
    product.c_stride = out_stride;
    if (filled < kHeight) {
      padded.assign(kHeight * count, 0.0F);
      for (std::size_t r = 0; r < filled; ++r)
        std::memcpy(&padded[r * count], to + r * out_stride, count * sizeof(float));
      product.c = padded.data();
      product.c_stride = count;
    }
    bf16_product(product);
    for (std::size_t r = 0; r < filled && filled < kHeight; ++r)
      std::memcpy(to + r * out_stride, &padded[r * count], count * sizeof(float));
  }
}

void CpuBf16Linear::multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                             std::size_t rows, bool accumulate, ThreadPool& threads) const {
  thread_local std::vector<std::uint16_t> rounded;
  const std::vector<std::uint16_t>& narrow = rounded;  // the caller's, also in tiles that other threads take
  const bool products = products_ && rows > kFewRows;
  if (products) round_rows(rounded, x, x_stride, rows, threads);
  threads.run((out_ + kSlice - 1) / kSlice, [&](std::size_t i) {
    const std::size_t first = i * kSlice, count = std::min(kSlice, out_ - first);
    float* to = out + first;
    if (rows <= kFewRows) {
      for (std::size_t r = 0; r < rows; ++r) {
        row_times_bf16(to + r * out_stride, x + r * x_stride, slice(first), count, count, in_, accumulate);
      }
    } else if (products) {
      multiply_narrow(to, out_stride, narrow.data(), first, count, rows, accumulate);
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
