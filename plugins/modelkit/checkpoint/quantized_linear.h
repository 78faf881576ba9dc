// Every format in which a linear weight may be stored quantized, behind one door.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

LinearWeight read_quantized_linear(const Checkpoint& checkpoint, const QuantizationScheme& scheme,
                                   const std::string& module);

// A tensor of a quantized module [out, in].
struct StoredPart {
  std::string name;
  std::optional<DType> dtype;  // without: any floating-point type
  std::optional<Shape> shape;  // without: any
  bool required = true;
};

// All that a module's weight may consist of under `scheme`. What is read must still be checked; this is for
// telling quickly, from headers alone, whether a checkpoint is whole.
std::vector<StoredPart> stored_parts(const std::string& module, std::int64_t out, std::int64_t in,
                                     const QuantizationScheme& scheme);

// The tensors in which a module [out, in] is written under `scheme`. `dtype`: of the scales where a format
// leaves the choice (compressed-tensors); what readers dequantize to (bitsandbytes).
std::vector<TensorPlan> written_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                     const QuantizationScheme& scheme, DType dtype);

// Their data. The weight must be of the scheme, its scales representable as they are stored.
std::vector<NamedBytes> written_data(const std::string& module, const LinearWeight& weight,
                                     const QuantizationScheme& scheme, DType dtype);

// Whether a tensor of this type under the plain name "<module>.weight" is the quantized form itself.
bool is_quantized_weight(const QuantizationScheme& scheme, DType dtype);

}  // namespace presswork::modelkit
