#include "plugins/modelkit/compute/cpu/matmul.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "plugins/modelkit/compute/cpu/slice_kernel.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kSlice = 512;  // outputs in a slice

void copy_rows(float* to, std::size_t to_stride, const float* from, std::size_t from_stride, std::size_t rows,
               std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, cols * sizeof(float));
  }
}

}  // namespace

class Matmul::Kernels {
 public:
  std::shared_ptr<const SliceKernel> get(std::size_t n, std::size_t k) {
    const std::lock_guard lock(mutex_);
    auto& kernel = kernels_[{n, k}];
    if (!kernel) kernel = std::make_shared<SliceKernel>(engine_, n, k);
    return kernel;
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  std::mutex mutex_;
  std::map<std::pair<std::size_t, std::size_t>, std::shared_ptr<const SliceKernel>> kernels_;
};

Matmul::Matmul(ThreadPool& threads, std::shared_ptr<MemoryPool> memory)
    : threads_(threads), memory_(std::move(memory)), kernels_(std::make_unique<Kernels>()) {}

Matmul::~Matmul() = default;

std::shared_ptr<const PackedLinear> Matmul::pack(const LinearSource& source) {
  auto packed = std::make_shared<CpuPackedLinear>();
  packed->out_ = source.out;
  packed->in_ = source.in;
  packed->bias_.assign(source.bias.begin(), source.bias.end());
  ThreadPool::limit_openmp();         // kernels are made below, for one thread
  constexpr std::size_t kAlign = 16;  // floats in a cache line
  std::vector<std::size_t> offsets;
  std::size_t floats = 0;
  for (std::size_t first = 0; first < source.out; first += kSlice) {
    const std::size_t count = std::min(kSlice, source.out - first);
    packed->slices_.push_back({kernels_->get(count, source.in), first, count, nullptr});
    offsets.push_back(floats);
    floats += (packed->slices_.back().kernel->packed_floats() + kAlign - 1) / kAlign * kAlign;
  }
  packed->storage_ = std::make_unique<CpuStorage>(memory_, floats);
  threads_.run(packed->slices_.size(), [&](std::size_t i) {
    auto& slice = packed->slices_[i];
    slice.weight = packed->storage_->data() + offsets[i];
    const CpuStorage plain(memory_, slice.count * source.in);
    source.rows(slice.first, slice.first + slice.count, plain.data());
    slice.kernel->pack(slice.weight, plain.data());
  });
  return packed;
}

void Matmul::multiply(float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                      std::size_t rows, const CpuPackedLinear& weight, bool accumulate) {
  constexpr std::size_t kTall = SliceKernel::kTall, kShort = SliceKernel::kShort;
  const std::size_t tall = rows / kTall, blocks = tall + (rows % kTall + kShort - 1) / kShort;
  const std::size_t in = weight.in_;
  const bool has_bias = !weight.bias_.empty();
  threads_.run(blocks * weight.slices_.size(), [&](std::size_t tile) {
    const auto& slice = weight.slices_[tile / blocks];
    const std::size_t block = tile % blocks;
    const std::size_t row = block < tall ? block * kTall : tall * kTall + (block - tall) * kShort;
    const std::size_t height = block < tall ? kTall : kShort;
    const std::size_t filled = std::min(height, rows - row);
    const float* from = x + row * x_stride;
    float* to = out + row * out_stride + slice.first;
    if (filled == height) {
      slice.kernel->multiply(height, to, out_stride, from, x_stride, slice.weight, accumulate);
    } else {
      thread_local std::vector<float> padded;
      padded.assign(kShort * (in + slice.count), 0.0F);
      float* padded_out = padded.data() + kShort * in;
      copy_rows(padded.data(), in, from, x_stride, filled, in);
      if (accumulate) copy_rows(padded_out, slice.count, to, out_stride, filled, slice.count);
      slice.kernel->multiply(height, padded_out, slice.count, padded.data(), in, slice.weight, accumulate);
      copy_rows(to, out_stride, padded_out, slice.count, filled, slice.count);
    }
    if (!has_bias) return;
    const float* bias = weight.bias_.data() + slice.first;
    for (std::size_t r = 0; r < filled; ++r) {
      for (std::size_t c = 0; c < slice.count; ++c) to[r * out_stride + c] += bias[c];
    }
  });
}

}  // namespace presswork::modelkit
