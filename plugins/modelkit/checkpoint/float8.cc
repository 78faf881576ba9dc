#include "plugins/modelkit/checkpoint/float8.h"

#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "presswork/error.h"

namespace presswork::modelkit {

LinearWeight read_float8_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                const std::string& module, std::string_view scales) {
  const TensorView& tensor = checkpoint.tensor(module + ".weight");
  if (tensor.shape.size() != 2 || size_of(tensor.dtype) != 1 || !is_floating(tensor.dtype))
    need(checkpoint, tensor.name, DType::F8_E4M3, {0, 0});
  if (tensor.elements() == 0)
    throw Error("corrupt_file", "the tensor " + tensor.name + " is empty", checkpoint.folder().string());
  const std::int64_t out = tensor.shape[0], in = tensor.shape[1];
  const std::string name = module + std::string(scales);
  ScaledFloatWeight floats{.dtype = tensor.dtype, .bytes = tensor.bytes, .scales = {}};
  if (scheme.block_rows != 0) {
    floats.block_rows = scheme.block_rows;
    floats.block_inputs = scheme.group_size;
    const std::int64_t rows = (out + scheme.block_rows - 1) / scheme.block_rows,
                       blocks = (in + scheme.group_size - 1) / scheme.group_size;
    floats.scales = need_floats(checkpoint, name, {rows, blocks});
  } else {
    floats.scales = need_row_scales(checkpoint, name, out);
  }
  return {.out = out, .in = in, .form = std::move(floats)};
}

}  // namespace presswork::modelkit
