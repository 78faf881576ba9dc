#include "plugins/modelkit/compute/cpu/matmul.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/compute/cpu/attention_kernel.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSlice = 512;  // outputs: with 384 to 4096 inputs 0.8 to 8 MB
constexpr std::size_t kHeight = 64;  // rows in a block
constexpr std::size_t kPackRows = 16;

dnnl_dim_t dim(std::size_t value) { return static_cast<dnnl_dim_t>(value); }

void copy_rows(float* to, std::size_t to_stride, const float* from, std::size_t from_stride, std::size_t rows,
               std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, cols * sizeof(float));
  }
}

// out [rows, n] (+)= x [rows, k] * weight [k, n]
void product(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, const float* weight,
             std::size_t rows, std::size_t n, std::size_t k, bool accumulate) {
  const auto status = dnnl_sgemm('N', 'N', dim(rows), dim(n), dim(k), 1.0F, x, dim(x_stride), weight, dim(n),
                                 accumulate ? 1.0F : 0.0F, out, dim(out_stride));
  if (status != dnnl_success) throw Error("internal", "oneDNN refused a matrix product", "linear");
}

}  // namespace

CpuPackedLinear::CpuPackedLinear(const LinearSource& source, ThreadPool& threads,
                                 const std::shared_ptr<MemoryPool>& memory)
    : out_(source.out),
      in_(source.in),
      bias_(source.bias.begin(), source.bias.end()),
      storage_(memory, source.out * source.in) {
  threads.run((out_ + kSlice - 1) / kSlice, [&](std::size_t i) {
    const Slice part = slice(i);
    std::vector<float> plain(kPackRows * in_);
    for (std::size_t r = 0; r < part.count; r += kPackRows) {
      const std::size_t rows = std::min(kPackRows, part.count - r);
      source.rows(part.first + r, part.first + r + rows, plain.data());
      transpose(storage_.data() + part.first * in_ + r, part.count, plain.data(), in_, rows, in_);
    }
  });
}

CpuPackedLinear::Slice CpuPackedLinear::slice(std::size_t index) const {
  const std::size_t first = index * kSlice;
  return {first, std::min(kSlice, out_ - first), storage_.data() + first * in_};
}

void CpuPackedLinear::multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                               std::size_t rows, bool accumulate, ThreadPool& threads) const {
  const std::size_t height = rows <= kFewRows ? kFewRows : kHeight;
  const std::size_t blocks = (rows + height - 1) / height, slices = (out_ + kSlice - 1) / kSlice;
  threads.run(blocks * slices, [&](std::size_t tile) {
    const Slice part = slice(tile / blocks);
    const std::size_t row = tile % blocks * height, filled = std::min(height, rows - row), n = part.count;
    const float* from = x + row * x_stride;
    float* to = out + row * out_stride + part.first;
    if (filled == height) {
      product(to, out_stride, from, x_stride, part.weight, height, n, in_, accumulate);
    } else {
      thread_local std::vector<float> padded;
      padded.assign(height * (in_ + n), 0.0F);
      float* padded_out = padded.data() + height * in_;
      copy_rows(padded.data(), in_, from, x_stride, filled, in_);
      if (accumulate) copy_rows(padded_out, n, to, out_stride, filled, n);
      product(padded_out, n, padded.data(), in_, part.weight, height, n, in_, accumulate);
      copy_rows(to, out_stride, padded_out, n, filled, n);
    }
    if (bias_.empty()) return;
    for (std::size_t r = 0; r < filled; ++r) {
      for (std::size_t c = 0; c < n; ++c) to[r * out_stride + c] += bias_[part.first + c];
    }
  });
}

}  // namespace presswork::modelkit
