// Linear weights as AutoAWQ stores them (version "gemm"): qweight, qzeros, scales, all transposed.
#pragma once

#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

// Both qweight [in, out/8] and qzeros [groups, out/8] are packed along the outputs: nibble i of word c holds
// output 8c + {0, 2, 4, 6, 1, 3, 5, 7}[i].
LinearWeight read_awq_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                             const std::string& module);

// The tensors that hold a module of shape [out, in], in the order of awq_data().
std::vector<TensorPlan> awq_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                 const QuantizationScheme& scheme);

// `weight` must fit the format (misfit() in format_limits.h).
std::vector<NamedBytes> awq_data(const std::string& module, const LinearWeight& weight);

}  // namespace presswork::modelkit
