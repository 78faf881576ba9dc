// Linear weights as AutoGPTQ and GPTQModel store them: qweight, qzeros, scales, g_idx.
#pragma once

#include <string>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"

namespace presswork::modelkit {

// Integers are packed along the inputs, zeros along the outputs, lowest bits first. PackedFormat::Gptq is
// version 1, which stores zero - 1; a stored 2^bits - 1 is a zero of 0 that wrapped, as the readers' kernels
// take it ((stored + 1) & mask). GptqV2 stores zeros as they are.
LinearWeight read_gptq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                              const std::string& module);

}  // namespace presswork::modelkit
