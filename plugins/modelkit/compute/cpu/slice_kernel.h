// oneDNN's matrix product for one shape of weight slice.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>

namespace presswork::modelkit {

// out [height, n] (+)= x [height, k] * weight [n, k]^T for blocks of kTall or kShort rows.
class SliceKernel {
 public:
  static constexpr std::size_t kTall = 128, kShort = 16;

  SliceKernel(const dnnl::engine& engine, std::size_t n, std::size_t k);

  std::size_t packed_floats() const { return weight_.get_size() / sizeof(float); }
  // From plain [n, k] to the layout of the product.
  void pack(float* packed, const float* plain) const;

  // `height` is kTall or kShort. Safe from several threads at once.
  void multiply(std::size_t height, float* out, std::size_t out_stride, const float* x, std::size_t x_stride,
                const float* packed, bool accumulate) const;

 private:
  // A primitive knows the strides of its operands, so there is one for each combination met.
  using Key =
      std::tuple<std::size_t, std::size_t, std::size_t, bool>;  // height, strides of out and x, accumulate
  struct Product {
    dnnl::matmul primitive;
    dnnl::memory::desc x, out, scratch;
  };
  const Product& product(const Key& key) const;

  dnnl::engine engine_;
  std::size_t n_, k_;
  dnnl::memory::desc weight_;
  mutable std::mutex mutex_;
  mutable std::map<Key, Product> products_;
};

}  // namespace presswork::modelkit
