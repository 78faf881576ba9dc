// A checkpoint together with what its config.json says: where the forward pass takes its weights from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"
#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

// Rows [first, first + count) of a weight.
struct RowRange {
  std::int64_t first = 0, count = 0;
};

class ModelSource {
 public:
  // Opens a model folder; errors as Checkpoint::open and ModelConfig::parse.
  static ModelSource open(const std::filesystem::path& folder);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const ModelConfig& config() const { return config_; }
  const QuantizationConfig& quantization() const { return quantization_; }

  LinearWeight linear(std::string_view module) const;
  // The module that stores the embedding: a tied model may have it under the head's name only.
  std::string embedding() const;
  // A linear with its bias on the device; afterwards the checkpoint's pages are let go. With `rows` only
  // these, one range after another: a part of a fused module.
  std::shared_ptr<const PackedLinear> packed(Compute& compute, const LinearSite& site) const;
  std::shared_ptr<const PackedLinear> packed(Compute& compute, const LinearSite& site,
                                             const LinearWeight& weight,
                                             const std::vector<RowRange>& rows = {},
                                             const std::vector<float>* other_bias = nullptr) const;
  // All of a tensor as float32. Throws "corrupt_file" when it does not have `size` elements.
  std::vector<float> values(const std::string& tensor, std::size_t size) const;
  // What the norm `module` of the model's own style multiplies its inputs by.
  std::vector<float> norm_factors(const std::string& module, std::size_t size) const;

  // The first stored tensor of `module` that holds NaN or infinity, or an empty text.
  std::string find_not_finite(const std::string& module) const;

 private:
  ModelSource(Checkpoint checkpoint, ModelConfig config, QuantizationConfig quantization);

  Checkpoint checkpoint_;
  ModelConfig config_;
  QuantizationConfig quantization_;
};

}  // namespace presswork::modelkit
