// Linear weights as AutoAWQ stores them (version "gemm"): qweight, qzeros, scales, all transposed.
#pragma once

#include <string>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"

namespace presswork::modelkit {

// Both qweight [in, out/8] and qzeros [groups, out/8] are packed along the outputs: nibble i of word c holds
// output 8c + {0, 2, 4, 6, 1, 3, 5, 7}[i].
LinearWeight read_awq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                             const std::string& module);

}  // namespace presswork::modelkit
