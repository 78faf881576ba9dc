#include "plugins/modelkit/checkpoint/linear_weight.h"

#include <algorithm>

#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

void dequantize_row(const GroupedIntWeight& weight, std::int64_t row, std::int64_t in, std::int64_t groups,
                    float* target) {
  const std::int8_t* q = weight.q.data() + row * in;
  const float* scales = weight.scales.data() + row * groups;
  const std::int8_t* zeros = weight.zeros.empty() ? nullptr : weight.zeros.data() + row * groups;
  if (!weight.group_of_input.empty()) {
    for (std::int64_t i = 0; i < in; ++i) {
      const std::int32_t group = weight.group_of_input[static_cast<std::size_t>(i)];
      target[i] = static_cast<float>(q[i] - (zeros == nullptr ? 0 : zeros[group])) * scales[group];
    }
    return;
  }
  const std::int64_t size = weight.group_size == 0 ? in : weight.group_size;
  for (std::int64_t group = 0; group < groups; ++group) {
    const float scale = scales[group];
    const int zero = zeros == nullptr ? 0 : zeros[group];
    for (std::int64_t i = group * size; i < std::min((group + 1) * size, in); ++i) {
      target[i] = static_cast<float>(q[i] - zero) * scale;
    }
  }
}

void dequantize_row(const ScaledFloatWeight& weight, std::int64_t row, std::int64_t in, float* target) {
  to_float(weight.dtype, weight.bytes.data() + row * in, static_cast<std::size_t>(in), target);
  const std::int64_t size = weight.block_inputs == 0 ? in : weight.block_inputs;
  const std::int64_t blocks = (in + size - 1) / size;
  const float* scales = weight.scales.data() + row / weight.block_rows * blocks;
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (std::int64_t i = block * size; i < std::min((block + 1) * size, in); ++i) target[i] *= scales[block];
  }
}

void dequantize_codes(const CodebookWeight& weight, std::int64_t first, std::int64_t last, float* target) {
  for (std::int64_t i = first; i < last; ++i) {
    const auto pair = std::to_integer<unsigned>(weight.codes[static_cast<std::size_t>(i / 2)]);
    const unsigned code = i % 2 == 0 ? pair >> 4 : pair & 15u;
    *target++ = weight.table[code] * weight.scales[static_cast<std::size_t>(i / weight.block)];
  }
}

}  // namespace

std::int64_t LinearWeight::groups() const {
  const GroupedIntWeight* ints = grouped_int();
  return ints == nullptr || ints->group_size == 0 ? 1 : (in + ints->group_size - 1) / ints->group_size;
}

void LinearWeight::dequantize(std::int64_t first, std::int64_t last, float* target) const {
  if (const DenseWeight* plain = dense()) {
    const std::size_t row_bytes = static_cast<std::size_t>(in) * size_of(plain->dtype);
    to_float(plain->dtype, plain->bytes.data() + static_cast<std::size_t>(first) * row_bytes,
             static_cast<std::size_t>((last - first) * in), target);
    return;
  }
  if (const auto* codes = std::get_if<CodebookWeight>(&form))
    return dequantize_codes(*codes, first * in, last * in, target);
  if (const auto* floats = std::get_if<ScaledFloatWeight>(&form)) {
    for (std::int64_t row = first; row < last; ++row)
      dequantize_row(*floats, row, in, target + (row - first) * in);
    return;
  }
  for (std::int64_t row = first; row < last; ++row) {
    dequantize_row(*grouped_int(), row, in, groups(), target + (row - first) * in);
  }
}

std::vector<float> LinearWeight::dequantize() const {
  std::vector<float> values(static_cast<std::size_t>(out * in));
  dequantize(0, out, values.data());
  return values;
}

LinearWeight load_linear(const Checkpoint& checkpoint, const QuantizationConfig& quantization,
                         std::string_view module) {
  const std::string name(module);
  const TensorView* plain = checkpoint.find(name + ".weight");
  const QuantizationScheme* scheme = quantization.scheme_for(module);
  if (scheme != nullptr && (plain == nullptr || is_quantized_weight(*scheme, plain->dtype)))
    return read_quantized_linear(checkpoint, *scheme, name);
  const TensorView& tensor = checkpoint.tensor(name + ".weight");
  if (tensor.shape.size() != 2 || !is_floating(tensor.dtype)) {
    throw Error("corrupt_file",
                "the tensor " + tensor.name + " is " + std::string(name_of(tensor.dtype)) + " " +
                    to_text(tensor.shape) + "; a matrix of floating-point numbers is expected",
                checkpoint.folder().string(),
                "quantized weights need a quantization_config in config.json that covers them");
  }
  return {.out = tensor.shape[0],
          .in = tensor.shape[1],
          .form = DenseWeight{.dtype = tensor.dtype, .bytes = tensor.bytes, .owned = {}}};
}

}  // namespace presswork::modelkit
