// Linear weights as AutoGPTQ and GPTQModel store them: qweight, qzeros, scales, g_idx.
#pragma once

#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

// Integers are packed along the inputs, zeros along the outputs, lowest bits first. PackedFormat::Gptq is
// version 1, which stores zero - 1; a stored 2^bits - 1 is a zero of 0 that wrapped, as the readers' kernels
// take it ((stored + 1) & mask). GptqV2 stores zeros as they are.
LinearWeight read_gptq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                              const std::string& module);

// The tensors that hold a module of shape [out, in], in the order of gptq_data().
std::vector<TensorPlan> gptq_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                  const QuantizationScheme& scheme);

// `weight` must fit the format (misfit() in format_limits.h).
std::vector<NamedBytes> gptq_data(const std::string& module, const LinearWeight& weight,
                                  const QuantizationScheme& scheme);

}  // namespace presswork::modelkit
