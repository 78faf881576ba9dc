// A model folder in the making that has the same tensors as its source, by name, type and shape, some of them
// with other values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/checkpoint_writer.h"
#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"

namespace presswork::modelkit {

class RewrittenCheckpoint {
 public:
  // Both must outlive it.
  RewrittenCheckpoint(const Checkpoint& source, const QuantizationConfig& quantization,
                      std::filesystem::path folder);

  // A dense weight of the stored type, or integers under the module's own scheme. Throws "unsupported" for a
  // module whose stored form is not written (only plain tensors and integers of compressed-tensors are).
  void write(const std::string& module, const LinearWeight& weight);
  void write(const std::string& tensor, std::span<const std::byte> data);

  // Copies what was not written and completes the folder; returns the bytes of its weight files.
  std::uint64_t finish(const std::function<void(const std::string&)>& skipped = {});

 private:
  const Checkpoint& source_;
  const QuantizationConfig& quantization_;
  CheckpointWriter writer_;
  std::set<std::string> written_;
};

}  // namespace presswork::modelkit
