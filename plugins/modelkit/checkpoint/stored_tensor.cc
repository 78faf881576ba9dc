#include "plugins/modelkit/checkpoint/stored_tensor.h"

#include <algorithm>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

[[noreturn]] void other(const Checkpoint& checkpoint, const TensorView& tensor, const std::string& expected) {
  throw Error("corrupt_file",
              "the tensor " + tensor.name + " is " + std::string(name_of(tensor.dtype)) + " " +
                  to_text(tensor.shape) + "; " + expected + " is expected",
              checkpoint.folder().string(), "check quantization_config in config.json against the weights");
}

}  // namespace

const TensorView& need(const Checkpoint& checkpoint, const std::string& name, DType dtype,
                       const Shape& shape) {
  const TensorView& tensor = checkpoint.tensor(name);
  if (tensor.dtype == dtype && tensor.shape == shape) return tensor;
  other(checkpoint, tensor, std::string(name_of(dtype)) + " " + to_text(shape));
}

std::vector<float> need_floats(const Checkpoint& checkpoint, const std::string& name, const Shape& shape) {
  const TensorView& tensor = checkpoint.tensor(name);
  if (!is_floating(tensor.dtype) || tensor.shape != shape)
    other(checkpoint, tensor, "floating-point " + to_text(shape));
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  to_float(tensor.dtype, tensor.bytes.data(), values.size(), values.data());
  const std::size_t bad = find_not_finite(DType::F32, values.data(), values.size());
  if (bad == values.size()) return values;
  throw Error("not_finite", "the tensor " + name + " has NaN or infinity at element " + std::to_string(bad),
              checkpoint.folder().string(), "quantize the model again from the original");
}

std::vector<float> need_row_scales(const Checkpoint& checkpoint, const std::string& name, std::int64_t out) {
  const TensorView& tensor = checkpoint.tensor(name);
  const bool flat = tensor.shape == Shape{out};
  const bool single = tensor.elements() == 1 && tensor.shape.size() <= 2;
  auto scales = need_floats(checkpoint, name, flat || single ? tensor.shape : Shape{out, 1});
  if (scales.size() == 1) scales.resize(static_cast<std::size_t>(out), scales.front());
  return scales;
}

std::vector<std::int32_t> group_index(const TensorView& tensor, std::int64_t group_size, std::int64_t groups,
                                      const std::string& where) {
  auto index = integers_of<std::int32_t>(tensor);
  if (std::all_of(index.begin(), index.end(), [](std::int32_t group) { return group == -1; })) return {};
  bool plain = group_size > 0 || groups == 1;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0 || index[i] >= groups) {
      throw Error("corrupt_file",
                  "the tensor " + tensor.name + " names group " + std::to_string(index[i]) + " of " +
                      std::to_string(groups),
                  where);
    }
    if (group_size > 0) plain = plain && index[i] == static_cast<std::int64_t>(i) / group_size;
  }
  if (plain) index.clear();
  return index;
}

std::vector<std::byte> to_bytes(DType dtype, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * size_of(dtype));
  from_float(dtype, values.data(), values.size(), bytes.data());
  return bytes;
}

}  // namespace presswork::modelkit
