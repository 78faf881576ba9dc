#include "plugins/modelkit/compute/cpu/slice_kernel.h"

#include <vector>

namespace presswork::modelkit {
namespace {

using dnnl::memory;

memory::dim dim(std::size_t value) { return static_cast<memory::dim>(value); }

memory::desc rows_of(std::size_t rows, std::size_t cols, std::size_t stride) {
  return {{dim(rows), dim(cols)}, memory::data_type::f32, memory::dims{dim(stride), 1}};
}

// Scratch belongs to the thread: oneDNN's own is tied to the thread that made the primitive.
void* scratch_of_thread(std::size_t bytes) {
  thread_local std::vector<std::max_align_t> scratch;
  constexpr std::size_t kPadding = 64;
  const std::size_t units = (bytes + kPadding) / sizeof(std::max_align_t) + 1;
  if (scratch.size() < units) scratch.resize(units);
  void* start = scratch.data();
  std::size_t space = scratch.size() * sizeof(std::max_align_t);
  return std::align(kPadding, bytes, start, space);
}

dnnl::stream& stream_of_thread(const dnnl::engine& engine) {
  thread_local std::map<dnnl_engine_t, dnnl::stream> streams;
  const auto found = streams.find(engine.get());
  if (found != streams.end()) return found->second;
  return streams.emplace(engine.get(), dnnl::stream(engine)).first->second;
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const memory::desc& x,
                                      const memory::desc& weight, const memory::desc& out, bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops after;
    after.append_sum(1.0F);
    attributes.set_post_ops(after);
  }
  return {dnnl::matmul::desc(x, weight, out), attributes, engine};
}

}  // namespace

SliceKernel::SliceKernel(const dnnl::engine& engine, std::size_t n, std::size_t k)
    : engine_(engine), n_(n), k_(k) {
  const memory::desc any({dim(k), dim(n)}, memory::data_type::f32, memory::format_tag::any);
  weight_ = describe(engine, rows_of(kTall, k, k), any, rows_of(kTall, n, n), false).weights_desc();
}

void SliceKernel::pack(float* packed, const float* plain) const {
  const memory::desc transposed({dim(k_), dim(n_)}, memory::data_type::f32, memory::format_tag::ba);
  memory from(transposed, engine_, const_cast<float*>(plain)), to(weight_, engine_, packed);
  auto& stream = stream_of_thread(engine_);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
}

const SliceKernel::Product& SliceKernel::product(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = products_.find(key);
  if (found != products_.end()) return found->second;
  const auto [height, out_stride, x_stride, accumulate] = key;
  const memory::desc x = rows_of(height, k_, x_stride), out = rows_of(height, n_, out_stride);
  const auto description = describe(engine_, x, weight_, out, accumulate);
  Product made{dnnl::matmul(description), x, out, description.scratchpad_desc()};
  return products_.emplace(key, std::move(made)).first->second;
}

void SliceKernel::multiply(std::size_t height, float* out, std::size_t out_stride, const float* x,
                           std::size_t x_stride, const float* packed, bool accumulate) const {
  const Product& chosen = product({height, out_stride, x_stride, accumulate});
  const memory from(chosen.x, engine_, const_cast<float*>(x));
  const memory weight(weight_, engine_, const_cast<float*>(packed));
  const memory to(chosen.out, engine_, out);
  const memory scratch(chosen.scratch, engine_, scratch_of_thread(chosen.scratch.get_size()));
  auto& stream = stream_of_thread(engine_);
  chosen.primitive.execute(
      stream,
      {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, weight}, {DNNL_ARG_DST, to}, {DNNL_ARG_SCRATCHPAD, scratch}});
  stream.wait();
}

}  // namespace presswork::modelkit
