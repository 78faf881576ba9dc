#include "plugins/modelkit/checkpoint/gptq.h"

#include <algorithm>

#include "plugins/modelkit/formats/bit_packing.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

struct Sizes {
  std::int64_t out = 0, in = 0, groups = 0;
};

// [in] and [out] from the scales and the packed weight, which must agree.
Sizes sizes_of(const Checkpoint& checkpoint, const QuantizationScheme& scheme, const std::string& module) {
  const TensorView& packed = checkpoint.tensor(module + ".qweight");
  const std::int64_t rows = packed.shape.size() == 2 ? packed.shape[0] : 0;
  // A whole number of inputs: 32 of them fill `bits` words.
  if (packed.dtype != DType::I32 || rows == 0 || (rows * 32) % scheme.bits != 0) {
    throw Error("corrupt_file",
                "the tensor " + packed.name + " is " + std::string(name_of(packed.dtype)) + " " +
                    to_text(packed.shape) + ", no packed weight of " + std::to_string(scheme.bits) + " bits",
                checkpoint.folder().string(), "check quantization_config in config.json against the weights");
  }
  Sizes sizes{packed.shape[1], rows * 32 / scheme.bits, 1};
  if (scheme.group_size > 0) sizes.groups = (sizes.in + scheme.group_size - 1) / scheme.group_size;
  return sizes;
}

// Zeros [out, groups], less 2^(bits-1) like the integers.
std::vector<std::int8_t> read_zeros(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                    const std::string& module, const Sizes& sizes) {
  const std::int64_t words = packed_words(sizes.out, scheme.bits);
  const TensorView& packed = need(checkpoint, module + ".qzeros", DType::I32, {sizes.groups, words});
  std::vector<std::int8_t> zeros(static_cast<std::size_t>(sizes.out * sizes.groups));
  for (std::int64_t group = 0; group < sizes.groups; ++group) {
    unpack_row(packed.bytes.data() + group * words * 4, sizes.out, scheme.bits, zeros.data() + group,
               sizes.groups);
  }
  if (scheme.format == PackedFormat::GptqV2) return zeros;
  const int half = 1 << (scheme.bits - 1), mask = 2 * half - 1;
  for (std::int8_t& zero : zeros) zero = static_cast<std::int8_t>(((zero + half + 1) & mask) - half);
  return zeros;
}

}  // namespace

LinearWeight read_gptq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                              const std::string& module) {
  const Sizes sizes = sizes_of(checkpoint, scheme, module);
  const TensorView& packed = checkpoint.tensor(module + ".qweight");
  GroupedIntWeight ints{.bits = scheme.bits,
                        .group_size = scheme.group_size,
                        .symmetric = false,
                        .q = std::vector<std::int8_t>(static_cast<std::size_t>(sizes.out * sizes.in)),
                        .scales = std::vector<float>(static_cast<std::size_t>(sizes.out * sizes.groups)),
                        .zeros = read_zeros(checkpoint, scheme, module, sizes),
                        .group_of_input = {}};
  for (std::int64_t row = 0; row < sizes.out; ++row) {  // neighbours share the cache lines of their words
    unpack_row(packed.bytes.data() + row * 4, sizes.in, scheme.bits, ints.q.data() + row * sizes.in, 1,
               sizes.out);
  }
  const auto scales = need_floats(checkpoint, module + ".scales", {sizes.groups, sizes.out});
  for (std::int64_t group = 0; group < sizes.groups; ++group) {
    for (std::int64_t row = 0; row < sizes.out; ++row)
      ints.scales[static_cast<std::size_t>(row * sizes.groups + group)] =
          scales[static_cast<std::size_t>(group * sizes.out + row)];
  }
  const std::string index = module + ".g_idx";
  if (checkpoint.find(index) != nullptr) {
    ints.group_of_input = group_index(need(checkpoint, index, DType::I32, {sizes.in}), scheme.group_size,
                                      sizes.groups, checkpoint.folder().string());
  }
  if (std::all_of(ints.zeros.begin(), ints.zeros.end(), [](std::int8_t zero) { return zero == 0; })) {
    ints.symmetric = true;
    ints.zeros.clear();
  }
  return {.out = sizes.out, .in = sizes.in, .form = std::move(ints)};
}

std::vector<TensorPlan> gptq_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                  const QuantizationScheme& scheme) {
  const std::int64_t groups = scheme.group_size == 0 ? 1 : (in + scheme.group_size - 1) / scheme.group_size;
  return {{module + ".qweight", DType::I32, {packed_words(in, scheme.bits), out}},
          {module + ".qzeros", DType::I32, {groups, packed_words(out, scheme.bits)}},
          {module + ".scales", DType::F16, {groups, out}},
          {module + ".g_idx", DType::I32, {in}}};
}

std::vector<NamedBytes> gptq_data(const std::string& module, const LinearWeight& weight,
                                  const QuantizationScheme& scheme) {
  const GroupedIntWeight& ints = *weight.grouped_int();
  const std::int64_t groups = weight.groups(), words = packed_words(weight.out, scheme.bits);
  std::vector<std::uint32_t> q(static_cast<std::size_t>(packed_words(weight.in, scheme.bits) * weight.out)),
      packed_zeros(static_cast<std::size_t>(groups * words));
  for (std::int64_t row = 0; row < weight.out; ++row)
    pack_row(ints.q.data() + row * weight.in, weight.in, scheme.bits, q.data() + row, 1, weight.out);
  std::vector<std::int8_t> zeros = ints.zeros;
  zeros.resize(ints.scales.size(), 0);
  if (scheme.format == PackedFormat::Gptq) {
    for (std::int8_t& zero : zeros) zero = static_cast<std::int8_t>(zero - 1);
  }
  for (std::int64_t group = 0; group < groups; ++group) {
    pack_row(zeros.data() + group, weight.out, scheme.bits, packed_zeros.data() + group * words, groups);
  }
  std::vector<std::int32_t> index = ints.group_of_input;
  for (std::int64_t i = static_cast<std::int64_t>(index.size()); i < weight.in; ++i)
    index.push_back(static_cast<std::int32_t>(scheme.group_size == 0 ? 0 : i / scheme.group_size));
  return {{module + ".qweight", to_bytes(q)},
          {module + ".qzeros", to_bytes(packed_zeros)},
          {module + ".scales",
           to_bytes(DType::F16, transposed(ints.scales, static_cast<std::size_t>(weight.out)))},
          {module + ".g_idx", to_bytes(index)}};
}

}  // namespace presswork::modelkit
