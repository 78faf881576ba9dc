// Linear weights in eight-bit floats with scales: compressed-tensors' float-quantized, and the method "fp8"
// of DeepSeek V3 and Qwen 3.
#pragma once

#include <string>
#include <string_view>

#include "plugins/modelkit/checkpoint/linear_weight.h"

namespace presswork::modelkit {

// Reads `<module>.weight` and `<module><scales>`: one scale for each block when `scheme` has blocks, else one
// for each row or for all. Throws "corrupt_file".
LinearWeight read_float8_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                const std::string& module, std::string_view scales);

}  // namespace presswork::modelkit
