// Linear weights as bitsandbytes stores them in four bits (NF4, FP4): an index into a table of 16 numbers for
// each weight, and the largest magnitude of each block. Dettmers et al. 2023 (QLoRA), section 3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/stored_tensor.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

// Reads `<module>.weight` (U8), its absmax, quant_map and quant_state, with or without double quantization of
// absmax. Throws "corrupt_file".
LinearWeight read_bitsandbytes_linear(const Checkpoint& checkpoint, const std::string& module);

// The 16 numbers of NF4, and the code of x / absmax: as many as there are thresholds below it.
extern const float kNf4[16];
constexpr std::int64_t kNf4Block = 64;  // values that share a scale in what is written
std::uint8_t nf4_code(float x);

// The tensors that hold a module of shape [out, in], in the order of bitsandbytes_data().
std::vector<TensorPlan> bitsandbytes_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                          DType dtype);

// `weight` must fit the format (misfit() in format_limits.h). `dtype`: what readers dequantize to.
std::vector<NamedBytes> bitsandbytes_data(const std::string& module, const LinearWeight& weight, DType dtype);

}  // namespace presswork::modelkit
