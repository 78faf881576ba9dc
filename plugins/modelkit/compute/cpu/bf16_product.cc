#include "plugins/modelkit/compute/cpu/bf16_product.h"

#include <array>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

dnnl::memory::dim dim(std::size_t value) { return static_cast<dnnl::memory::dim>(value); }

dnnl::memory::desc matrix(std::size_t rows, std::size_t cols, dnnl::memory::data_type type,
                          std::size_t stride) {
  return {{dim(rows), dim(cols)}, type, dnnl::memory::dims{dim(stride), 1}};
}

// A kernel and what it reads and writes.
struct Kernel {
  dnnl::memory::desc a, b, c;
  dnnl::matmul matmul;
};

Kernel make_kernel(const Bf16Product& p, const dnnl::engine& engine) {
  using Type = dnnl::memory::data_type;
  Kernel kernel{.a = matrix(p.m, p.k, Type::bf16, p.a_stride),
                .b = matrix(p.k, p.n, Type::bf16, p.b_stride),
                .c = matrix(p.m, p.n, Type::f32, p.c_stride),
                .matmul = {}};
  dnnl::primitive_attr attributes;
  if (p.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
  kernel.matmul = dnnl::matmul({{kernel.a, kernel.b, kernel.c}, attributes, engine});
  return kernel;
}

// Those that this thread has used: making one takes far longer than a small product.
const Kernel& kernel_for(const Bf16Product& p, const dnnl::engine& engine) {
  thread_local std::map<std::array<std::size_t, 7>, Kernel> kernels;
  const std::array<std::size_t, 7> key{p.m, p.n, p.k, p.a_stride, p.b_stride, p.c_stride, p.accumulate};
  const auto found = kernels.find(key);
  return found != kernels.end() ? found->second : kernels.emplace(key, make_kernel(p, engine)).first->second;
}

}  // namespace

bool has_bf16_products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

void bf16_product(const Bf16Product& p) {
  thread_local const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  thread_local dnnl::stream stream(engine);
  try {
    const Kernel& kernel = kernel_for(p, engine);
    // oneDNN takes what it only reads without const.
    const dnnl::memory a(kernel.a, engine, const_cast<std::uint16_t*>(p.a));
    const dnnl::memory b(kernel.b, engine, const_cast<std::uint16_t*>(p.b));
    const dnnl::memory c(kernel.c, engine, p.c);
    kernel.matmul.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    stream.wait();
  } catch (const dnnl::error& error) {
    throw Error("internal", std::string("oneDNN refused a matrix product: ") + error.what(), "bf16_product");
  }
}

}  // namespace presswork::modelkit
