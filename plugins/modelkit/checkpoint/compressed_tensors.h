// Linear weights as the compressed-tensors library stores them: pack-quantized (small integers packed into
// I32 words), int-quantized (I8) and float-quantized (F8_E4M3). Tensor names and layouts: that
// library's compressors/pack_quantized and compressors/naive_quantized.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

LinearWeight read_compressed_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                    const std::string& module);

// The tensors that hold a module of shape [out, in] under `scheme`, in the order of compressed_data().
// `scale_dtype`: F32, F16 or BF16.
std::vector<TensorPlan> compressed_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                        const QuantizationScheme& scheme, DType scale_dtype);

// Scales must be representable in `scale_dtype` already (the integers were chosen against them).
std::vector<NamedBytes> compressed_data(const std::string& module, const LinearWeight& weight,
                                        const QuantizationScheme& scheme, DType scale_dtype);

}  // namespace presswork::modelkit
