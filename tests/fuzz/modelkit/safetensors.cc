// Any bytes as a safetensors file: tensors inside it that do not overlap, or an Error.
#include "plugins/modelkit/formats/safetensors.h"

#include <cstdint>

#include "presswork/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presswork::modelkit;
  const std::span file(reinterpret_cast<const std::byte*>(data), size);
  try {
    std::size_t sum = 0;
    for (const TensorView& tensor : parse_safetensors(file, "fuzz.safetensors").tensors) {
      sum += tensor.bytes.size();
      const auto count = static_cast<std::size_t>(tensor.elements());
      if (count * size_of(tensor.dtype) != tensor.bytes.size()) __builtin_trap();
      if (find_not_finite(tensor.dtype, tensor.bytes.data(), count) > count) __builtin_trap();
    }
    if (sum > size) __builtin_trap();
  } catch (const presswork::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
  return 0;
}
