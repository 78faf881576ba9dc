// Linear weights as bitsandbytes stores them in four bits (NF4, FP4): an index into a table of 16 numbers for
// each weight, and the largest magnitude of each block. Dettmers et al. 2023 (QLoRA), section 3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"

namespace presswork::modelkit {

// Reads `<module>.weight` (U8), its absmax, quant_map and quant_state, with or without double quantization of
// absmax. Throws "corrupt_file".
LinearWeight read_bitsandbytes_linear(const Checkpoint& checkpoint, const std::string& module);

// The 16 numbers of NF4, and the code of x / absmax: as many as there are thresholds below it.
extern const float kNf4[16];
std::uint8_t nf4_code(float x);

}  // namespace presswork::modelkit
