#include "plugins/modelkit/compute/cpu/matmul.h"

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/compute/cpu/attention_kernel.h"
#include "plugins/modelkit/compute/cpu/few_rows_kernel.h"
#include "plugins/modelkit/compute/cpu/sgemm.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSlice = 512;  // outputs: with 384 to 4096 inputs 0.8 to 8 MB
constexpr std::size_t kHeight = 64;  // rows in a block
constexpr std::size_t kPackRows = 16;

void copy_rows(float* to, std::size_t to_stride, const float* from, std::size_t from_stride, std::size_t rows,
               std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, cols * sizeof(float));
  }
}

// out [rows, n] (+)= x [rows, k] * weight [k, n]
void product(float* out, std::size_t out_stride, const float* x, std::size_t x_stride, const float* weight,
             std::size_t rows, std::size_t n, std::size_t k, bool accumulate) {
  sgemm({'N', 'N', rows, n, k, 1.0F, x, x_stride, weight, n, accumulate ? 1.0F : 0.0F, out, out_stride});
}

}  // namespace

void multiply_slice(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                    const float* weight, std::size_t rows, std::size_t n, std::size_t in, bool accumulate,
                    std::size_t height) {
  for (std::size_t row = 0; row < rows; row += height) {
    const std::size_t filled = std::min(height, rows - row);
    const float* from = x + row * x_stride;
    float* to = out + row * out_stride;
    if (filled == height) {
      product(to, out_stride, from, x_stride, weight, height, n, in, accumulate);
      continue;
    }
    thread_local std::vector<float> padded;
    padded.assign(height * (in + n), 0.0F);
    float* padded_out = padded.data() + height * in;
    copy_rows(padded.data(), in, from, x_stride, filled, in);
    if (accumulate) copy_rows(padded_out, n, to, out_stride, filled, n);
    product(padded_out, n, padded.data(), in, weight, height, n, in, accumulate);
    copy_rows(to, out_stride, padded_out, n, filled, n);
  }
}

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
  const std::size_t slices = (out_ + kSlice - 1) / kSlice;
  if (rows <= kSingleRows) {
    // A quarter of a slice for each thread at a time: decoding waits for the last one.
    constexpr std::size_t kPart = kSlice / 4;
    threads.run((out_ + kPart - 1) / kPart, [&](std::size_t tile) {
      const Slice part = slice(tile * kPart / kSlice);
      const std::size_t column = tile * kPart - part.first, count = std::min(kPart, part.count - column);
      for (std::size_t r = 0; r < rows; ++r) {
        row_times_float(out + r * out_stride + tile * kPart, x + r * x_stride, part.weight + column, count,
                        part.count, in_, accumulate);
      }
      if (!bias_.empty()) add_bias(out + tile * kPart, out_stride, rows, count, bias_.data() + tile * kPart);
    });
    return;
  }
  const std::size_t height = rows <= kFewRows ? kFewRows : kHeight, blocks = (rows + height - 1) / height;
  threads.run(blocks * slices, [&](std::size_t tile) {
    const Slice part = slice(tile / blocks);
    const std::size_t row = tile % blocks * height, filled = std::min(height, rows - row);
    float* to = out + row * out_stride + part.first;
    multiply_slice(to, out_stride, x + row * x_stride, x_stride, part.weight, filled, part.count, in_,
                   accumulate, height);
    if (!bias_.empty()) add_bias(to, out_stride, filled, part.count, bias_.data() + part.first);
  });
}

}  // namespace presswork::modelkit
