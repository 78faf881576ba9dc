// A model folder in the making whose target linears take another form and whose other tensors are copied:
// what every quantization stage and export write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/checkpoint_writer.h"
#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/quantize/targets.h"

namespace presswork::modelkit {

class QuantizedCheckpoint {
 public:
  // One unit of writing, in the order of the source: a target module, or a tensor to copy.
  struct Step {
    std::string name;
    bool module = false;
  };

  // Plans the whole result; writes nothing yet except the folder. `source` must outlive this. Throws
  // "unsupported" when the source has quantized modules that are not among the targets (their format would be
  // lost).
  QuantizedCheckpoint(const Checkpoint& source, const QuantizationTargets& targets,
                      const QuantizationScheme& scheme, DType scale_dtype, std::filesystem::path folder);

  // The same with a scheme for each of several groups of targets, which together are all: `targets` of a
  // scheme are whole module names. Without schemes the targets become plain values of `dtype`, which is
  // otherwise what written_plan() takes.
  QuantizedCheckpoint(const Checkpoint& source, const QuantizationTargets& targets,
                      const std::vector<QuantizationScheme>& schemes, DType dtype,
                      std::filesystem::path folder);

  const std::vector<Step>& steps() const { return steps_; }
  std::uint64_t planned_bytes() const { return planned_bytes_; }  // of tensor data

  // Any order. write() takes a weight on the scheme's grid.
  void write(const std::string& module, const LinearWeight& weight);
  void write_values(const std::string& tensor, const std::vector<float>& values);  // in the tensor's own type
  void copy(const std::string& tensor);

  // Completes the folder; returns the bytes of its weight files.
  std::uint64_t finish(const std::function<void(const std::string&)>& skipped = {});

 private:
  const QuantizationScheme& scheme_of(const std::string& module) const;
  std::vector<TensorPlan> plan_of(const LinearSite& linear) const;
  void write_gptq_config(const std::string& config) const;

  const Checkpoint& source_;
  QuantizationConfig config_;
  DType dtype_;
  std::filesystem::path folder_;
  std::vector<Step> steps_;
  std::uint64_t planned_bytes_ = 0;
  std::vector<TensorPlan> plan_;
  std::unique_ptr<CheckpointWriter> writer_;
};

}  // namespace presswork::modelkit
