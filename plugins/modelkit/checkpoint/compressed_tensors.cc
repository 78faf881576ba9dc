#include "plugins/modelkit/checkpoint/compressed_tensors.h"

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/checkpoint/float8.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/bit_packing.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::int64_t groups_in(const QuantizationScheme& scheme, std::int64_t in) {
  return scheme.group_size == 0 ? 1 : in / scheme.group_size;
}

// Scales [out, groups].
std::vector<float> read_scales(const Checkpoint& checkpoint, const std::string& module, std::int64_t out,
                               std::int64_t groups) {
  const std::string name = module + ".weight_scale";
  return groups == 1 ? need_row_scales(checkpoint, name, out) : need_floats(checkpoint, name, {out, groups});
}

std::vector<std::int32_t> read_group_index(const Checkpoint& checkpoint, const std::string& module,
                                           std::int64_t in, std::int64_t group_size, std::int64_t groups) {
  const std::string name = module + ".weight_g_idx";
  if (checkpoint.find(name) == nullptr) return {};
  return group_index(need(checkpoint, name, DType::I32, {in}), group_size, groups,
                     checkpoint.folder().string());
}

Shape read_weight_shape(const Checkpoint& checkpoint, const std::string& module) {
  const std::string name = module + ".weight_shape";
  const TensorView& tensor = checkpoint.tensor(name);
  if (tensor.shape == Shape{2} && (tensor.dtype == DType::I64 || tensor.dtype == DType::I32)) {
    std::int64_t sizes[2] = {0, 0};
    if (tensor.dtype == DType::I64) {
      std::memcpy(sizes, tensor.bytes.data(), sizeof(sizes));
    } else {
      std::int32_t narrow[2];
      std::memcpy(narrow, tensor.bytes.data(), sizeof(narrow));
      sizes[0] = narrow[0];
      sizes[1] = narrow[1];
    }
    constexpr std::int64_t kLimit = std::int64_t{1} << 30;
    if (sizes[0] > 0 && sizes[1] > 0 && sizes[0] <= kLimit && sizes[1] <= kLimit) return {sizes[0], sizes[1]};
  }
  throw Error("corrupt_file", "the tensor " + name + " holds no valid [out, in]",
              checkpoint.folder().string());
}

void check_groups(const Checkpoint& checkpoint, const QuantizationScheme& scheme, const std::string& module,
                  std::int64_t in) {
  if (scheme.group_size == 0 || in % scheme.group_size == 0) return;
  throw Error("corrupt_file",
              "the group size " + std::to_string(scheme.group_size) + " does not divide the " +
                  std::to_string(in) + " inputs of " + module,
              checkpoint.folder().string());
}

LinearWeight read_packed(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                         const std::string& module) {
  const Shape shape = read_weight_shape(checkpoint, module);
  const std::int64_t out = shape[0], in = shape[1];
  check_groups(checkpoint, scheme, module, in);
  const std::int64_t groups = groups_in(scheme, in);
  const std::int64_t words = packed_words(in, scheme.bits);
  const TensorView& packed = need(checkpoint, module + ".weight_packed", DType::I32, {out, words});
  GroupedIntWeight ints{
      .bits = scheme.bits,
      .group_size = scheme.group_size,
      .symmetric = scheme.symmetric,
      .q = std::vector<std::int8_t>(static_cast<std::size_t>(out * in)),
      .scales = read_scales(checkpoint, module, out, groups),
      .zeros = {},
      .group_of_input = read_group_index(checkpoint, module, in, scheme.group_size, groups)};
  for (std::int64_t row = 0; row < out; ++row) {
    unpack_row(packed.bytes.data() + row * words * 4, in, scheme.bits, ints.q.data() + row * in);
  }
  if (!scheme.symmetric) {  // packed along the rows
    const TensorView& zeros =
        need(checkpoint, module + ".weight_zero_point", DType::I32, {packed_words(out, scheme.bits), groups});
    ints.zeros.resize(static_cast<std::size_t>(out * groups));
    for (std::int64_t group = 0; group < groups; ++group) {
      unpack_row(zeros.bytes.data() + group * 4, out, scheme.bits, ints.zeros.data() + group, groups, groups);
    }
  }
  return {.out = out, .in = in, .form = std::move(ints)};
}

LinearWeight read_bytes(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                        const std::string& module) {
  const TensorView& tensor = checkpoint.tensor(module + ".weight");
  if (tensor.dtype != DType::I8 || tensor.shape.size() != 2) need(checkpoint, tensor.name, DType::I8, {0, 0});
  const std::int64_t out = tensor.shape[0], in = tensor.shape[1];
  check_groups(checkpoint, scheme, module, in);
  const std::int64_t groups = groups_in(scheme, in);
  GroupedIntWeight ints{
      .bits = scheme.bits,
      .group_size = scheme.group_size,
      .symmetric = scheme.symmetric,
      .q = std::vector<std::int8_t>(tensor.bytes.size()),
      .scales = read_scales(checkpoint, module, out, groups),
      .zeros = {},
      .group_of_input = read_group_index(checkpoint, module, in, scheme.group_size, groups)};
  if (!ints.q.empty()) std::memcpy(ints.q.data(), tensor.bytes.data(), tensor.bytes.size());
  if (!scheme.symmetric) {
    const TensorView& zeros = need(checkpoint, module + ".weight_zero_point", DType::I8, {out, groups});
    ints.zeros.resize(zeros.bytes.size());
    std::memcpy(ints.zeros.data(), zeros.bytes.data(), zeros.bytes.size());
  }
  return {.out = out, .in = in, .form = std::move(ints)};
}

Int8Inputs read_inputs(const Checkpoint& checkpoint, Int8Inputs inputs, const std::string& module) {
  if (inputs.dynamic) return inputs;
  inputs.grid.scale = need_row_scales(checkpoint, module + ".input_scale", 1).front();
  if (!(inputs.grid.scale > 0.0F))
    throw Error("corrupt_file", "the scale of the inputs is not positive", module + ".input_scale");
  const std::string name = module + ".input_zero_point";
  if (inputs.symmetric && checkpoint.find(name) == nullptr) return inputs;
  const TensorView& zero = checkpoint.tensor(name);
  if (zero.elements() != 1) need(checkpoint, name, DType::I8, {1});
  inputs.grid.zero = integers_of<std::int8_t>(need(checkpoint, name, DType::I8, zero.shape)).front();
  return inputs;
}

// One for the whole tensor, or all.
std::vector<std::byte> scale_bytes(const std::vector<float>& scales, const QuantizationScheme& scheme,
                                   DType dtype) {
  return to_bytes(dtype, scheme.per_tensor ? std::vector<float>{scales.at(0)} : scales);
}

std::vector<std::byte> pack_weights(const LinearWeight& weight, const GroupedIntWeight& ints) {
  const std::int64_t words = packed_words(weight.in, ints.bits);
  std::vector<std::byte> packed(static_cast<std::size_t>(weight.out * words) * sizeof(std::uint32_t));
  auto* row_words = reinterpret_cast<std::uint32_t*>(packed.data());
  for (std::int64_t row = 0; row < weight.out; ++row, row_words += words) {
    pack_row(ints.q.data() + row * weight.in, weight.in, ints.bits, row_words);
  }
  return packed;
}

std::vector<std::byte> pack_zeros(const LinearWeight& weight, const GroupedIntWeight& ints) {
  const std::int64_t groups = weight.groups();
  std::vector<std::uint32_t> packed(static_cast<std::size_t>(packed_words(weight.out, ints.bits) * groups));
  for (std::int64_t group = 0; group < groups; ++group) {
    pack_row(ints.zeros.data() + group, weight.out, ints.bits, packed.data() + group, groups, groups);
  }
  return to_bytes(packed);
}

}  // namespace

LinearWeight read_compressed_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                    const std::string& module) {
  if (scheme.format == PackedFormat::FloatQuantized)
    return read_float8_linear(checkpoint, scheme, module, ".weight_scale");
  LinearWeight weight = scheme.format == PackedFormat::PackQuantized ? read_packed(checkpoint, scheme, module)
                                                                     : read_bytes(checkpoint, scheme, module);
  if (scheme.inputs) weight.inputs = read_inputs(checkpoint, *scheme.inputs, module);
  return weight;
}

std::vector<TensorPlan> compressed_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                        const QuantizationScheme& scheme, DType scale_dtype) {
  const std::int64_t groups = groups_in(scheme, in);
  const bool packed = scheme.format == PackedFormat::PackQuantized;
  std::vector<TensorPlan> plan;
  if (packed) {
    plan.push_back({module + ".weight_packed", DType::I32, {out, packed_words(in, scheme.bits)}});
    plan.push_back({module + ".weight_shape", DType::I64, {2}});
  } else {
    const bool floats = scheme.format == PackedFormat::FloatQuantized;
    plan.push_back({module + ".weight", floats ? DType::F8_E4M3 : DType::I8, {out, in}});
  }
  plan.push_back({module + ".weight_scale", scale_dtype, scheme.per_tensor ? Shape{1} : Shape{out, groups}});
  if (!scheme.symmetric) {
    if (packed) {
      plan.push_back({module + ".weight_zero_point", DType::I32, {packed_words(out, scheme.bits), groups}});
    } else {
      plan.push_back({module + ".weight_zero_point", DType::I8, {out, groups}});
    }
  }
  if (scheme.inputs && !scheme.inputs->dynamic) {
    plan.push_back({module + ".input_scale", DType::F32, {1}});
    if (!scheme.inputs->symmetric) plan.push_back({module + ".input_zero_point", DType::I8, {1}});
  }
  return plan;
}

std::vector<NamedBytes> compressed_data(const std::string& module, const LinearWeight& weight,
                                        const QuantizationScheme& scheme, DType scale_dtype) {
  std::vector<NamedBytes> data;
  if (scheme.format == PackedFormat::FloatQuantized) {
    const auto& floats = std::get<ScaledFloatWeight>(weight.form);
    data.push_back({module + ".weight", {floats.bytes.begin(), floats.bytes.end()}});
    data.push_back({module + ".weight_scale", scale_bytes(floats.scales, scheme, scale_dtype)});
    return data;
  }
  const GroupedIntWeight* ints = weight.grouped_int();
  if (ints == nullptr || ints->bits != scheme.bits || ints->group_size != scheme.group_size ||
      ints->symmetric != scheme.symmetric) {
    throw Error("internal", "the weight is not quantized as its scheme says", module);
  }
  const bool packed = scheme.format == PackedFormat::PackQuantized;
  if (packed) {
    data.push_back({module + ".weight_packed", pack_weights(weight, *ints)});
    data.push_back({module + ".weight_shape", to_bytes(std::vector<std::int64_t>{weight.out, weight.in})});
  } else {
    data.push_back({module + ".weight", to_bytes(ints->q)});
  }
  data.push_back({module + ".weight_scale", scale_bytes(ints->scales, scheme, scale_dtype)});
  if (!scheme.symmetric) {
    data.push_back(
        {module + ".weight_zero_point", packed ? pack_zeros(weight, *ints) : to_bytes(ints->zeros)});
  }
  if (scheme.inputs && !scheme.inputs->dynamic && weight.inputs) {
    data.push_back({module + ".input_scale", to_bytes(std::vector<float>{weight.inputs->grid.scale})});
    if (!scheme.inputs->symmetric) {
      data.push_back(
          {module + ".input_zero_point", to_bytes(std::vector<std::int8_t>{weight.inputs->grid.zero})});
    }
  }
  return data;
}

}  // namespace presswork::modelkit
