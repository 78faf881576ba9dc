// Whether a model folder holds what its config.json promises.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

struct StructureReport {
  std::vector<std::string> problems;    // sentences: tensors that are missing or have another shape or type
  std::vector<std::string> unexpected;  // names of tensors that nothing asks for
  std::int64_t parameters = 0;  // of the model; quantized weights count as the matrices they stand for
  std::int64_t quantized_modules = 0;
};

// Reads no tensor data.
StructureReport check_structure(const Checkpoint& checkpoint, const ModelConfig& model,
                                const QuantizationConfig& quantization);

// The same, but throws "corrupt_file" with the problems when there are any.
StructureReport require_structure(const Checkpoint& checkpoint, const ModelConfig& model,
                                  const QuantizationConfig& quantization);

// "a; b; c; and 7 more": the first ten.
std::string listed(const std::vector<std::string>& items);

// Reads every floating-point tensor once; throws "not_finite" naming the first NaN or infinity (tensor and
// element). `progress` hears the bytes read so far, and may throw to stop.
void check_finite(const Checkpoint& checkpoint, ThreadPool& threads,
                  const std::function<void(std::uint64_t)>& progress);

}  // namespace presswork::modelkit
