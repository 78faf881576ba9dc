// Takes the parts of one decoder layer from a checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/modelkit/model/model_source.h"
#include "plugins/modelkit/model/norm.h"

namespace presswork::modelkit {

// A linear of the forward pass: a module of the checkpoint, or the part of a fused one.
struct Projection {
  LinearSite site;             // the module, by its name relative to the layer
  std::vector<RowRange> rows;  // of its weight that are used; empty: all
  std::shared_ptr<const PackedLinear> packed;
};

// Hears the input [rows, K] of each linear, in the order of the forward pass and a block of whole sequences
// at a time; an expert's input are the tokens that it was chosen for. `modules` are those that share it
// ("self_attn.q_proj", ...). The matrix is valid during the call only.
using LinearObserver = std::function<void(std::span<const std::string_view> modules, const Matrix& input)>;

class LayerLoader {
 public:
  LayerLoader(Compute& compute, const ModelSource& model, std::int64_t index);

  Compute& compute() const { return *compute_; }
  const ModelConfig& config() const { return model_->config(); }
  const ModelSource& model() const { return *model_; }
  std::int64_t index() const { return index_; }
  const LayerKind& kind() const { return kind_; }
  const std::string& prefix() const { return prefix_; }  // "model.layers.3."

  // A module of the layer (one of layer_sites()), or several parts of one.
  Projection linear(std::string_view module) const;
  std::vector<Projection> parts(std::string_view module,
                                const std::vector<std::vector<RowRange>>& rows) const;
  // The same projection with another weight for its module.
  void replace(Projection& projection, const LinearWeight& weight) const;
  // Another bias for `module`, which replace() takes from then on.
  void set_bias(const std::string& module, std::vector<float> bias) { biases_[module] = std::move(bias); }

  Norm norm(std::string_view module, const NormStyle& style, std::size_t size) const;  // "": none

  // Throws "not_finite" naming `module` when `values` hold NaN or infinity.
  void expect_finite(const Matrix& values, std::string_view module) const;

 private:
  const LinearSite& site(std::string_view module) const;

  Compute* compute_;
  const ModelSource* model_;
  std::int64_t index_;
  LayerKind kind_;
  std::string prefix_;
  std::vector<LinearSite> sites_;
  std::map<std::string, std::vector<float>> biases_;  // other ones than the model's
};

}  // namespace presswork::modelkit
