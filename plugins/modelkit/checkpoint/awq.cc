#include "plugins/modelkit/checkpoint/awq.h"

#include <algorithm>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::int64_t kNibbles = 8, kOrder[kNibbles] = {0, 2, 4, 6, 1, 3, 5, 7};

// [rows, words * 8] nibbles less 8, transposed to [words * 8, rows].
std::vector<std::int8_t> unpack_transposed(const TensorView& packed) {
  const std::int64_t rows = packed.shape[0], words = packed.shape[1];
  std::vector<std::int8_t> values(static_cast<std::size_t>(rows * words * kNibbles));
  constexpr std::int64_t kBlock = 64;  // rows at once: a cache line of each output
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const std::int64_t last = std::min(rows, first + kBlock);
    for (std::int64_t word = 0; word < words; ++word) {
      for (std::int64_t row = first; row < last; ++row) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, packed.bytes.data() + (row * words + word) * 4, sizeof(bits));
        for (std::int64_t i = 0; i < kNibbles; ++i) {
          const std::int64_t out = word * kNibbles + kOrder[i];
          values[static_cast<std::size_t>(out * rows + row)] =
              static_cast<std::int8_t>(static_cast<int>(bits >> (4 * i) & 15u) - 8);
        }
      }
    }
  }
  return values;
}

// The reverse: values [out, rows] in [-8, 7] to words [rows, out / 8].
std::vector<std::uint32_t> pack_transposed(const std::vector<std::int8_t>& values, std::int64_t out) {
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / out, words = out / kNibbles;
  std::vector<std::uint32_t> packed(static_cast<std::size_t>(rows * words));
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const std::int64_t last = std::min(rows, first + kBlock);
    for (std::int64_t word = 0; word < words; ++word) {
      for (std::int64_t i = 0; i < kNibbles; ++i) {
        const std::int8_t* from = values.data() + (word * kNibbles + kOrder[i]) * rows;
        for (std::int64_t row = first; row < last; ++row) {
          const auto nibble = static_cast<std::uint32_t>(from[row] + 8);
          packed[static_cast<std::size_t>(row * words + word)] |= nibble << (4 * i);
        }
      }
    }
  }
  return packed;
}

}  // namespace

LinearWeight read_awq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                             const std::string& module) {
  const TensorView& weight = checkpoint.tensor(module + ".qweight");
  if (weight.dtype != DType::I32 || weight.shape.size() != 2 || weight.elements() == 0)
    need(checkpoint, weight.name, DType::I32, {0, 0});
  const std::int64_t in = weight.shape[0], words = weight.shape[1], out = words * kNibbles;
  const std::int64_t groups = scheme.group_size == 0 ? 1 : in / scheme.group_size;
  if (scheme.group_size != 0 && in % scheme.group_size != 0) {
    throw Error("corrupt_file",
                "the group size " + std::to_string(scheme.group_size) + " does not divide the " +
                    std::to_string(in) + " inputs of " + module,
                checkpoint.folder().string());
  }
  GroupedIntWeight ints{
      .bits = 4,
      .group_size = scheme.group_size,
      .symmetric = false,
      .q = unpack_transposed(weight),
      .scales = std::vector<float>(static_cast<std::size_t>(out * groups)),
      .zeros = unpack_transposed(need(checkpoint, module + ".qzeros", DType::I32, {groups, words})),
      .group_of_input = {}};
  const auto scales = need_floats(checkpoint, module + ".scales", {groups, out});
  for (std::int64_t group = 0; group < groups; ++group) {
    for (std::int64_t row = 0; row < out; ++row)
      ints.scales[static_cast<std::size_t>(row * groups + group)] =
          scales[static_cast<std::size_t>(group * out + row)];
  }
  return {.out = out, .in = in, .form = std::move(ints)};
}

std::vector<TensorPlan> awq_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                 const QuantizationScheme& scheme) {
  const std::int64_t groups = scheme.group_size == 0 ? 1 : in / scheme.group_size;
  return {{module + ".qweight", DType::I32, {in, out / kNibbles}},
          {module + ".qzeros", DType::I32, {groups, out / kNibbles}},
          {module + ".scales", DType::F16, {groups, out}}};
}

std::vector<NamedBytes> awq_data(const std::string& module, const LinearWeight& weight) {
  const GroupedIntWeight& ints = *weight.grouped_int();
  const auto out = static_cast<std::size_t>(weight.out);
  std::vector<std::int8_t> zeros = ints.zeros;
  zeros.resize(ints.scales.size(), 0);
  return {{module + ".qweight", to_bytes(pack_transposed(ints.q, weight.out))},
          {module + ".qzeros", to_bytes(pack_transposed(zeros, weight.out))},
          {module + ".scales", to_bytes(DType::F16, transposed(ints.scales, out))}};
}

}  // namespace presswork::modelkit
