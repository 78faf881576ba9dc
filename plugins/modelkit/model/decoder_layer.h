// One decoder layer on the device. Letters in shapes as in compute.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "plugins/modelkit/model/model_source.h"
#include "plugins/modelkit/model/rope_table.h"

namespace presswork::modelkit {

// Keys and values of one sequence's earlier tokens in one layer.
struct LayerCache {
  Matrix keys, values;     // [capacity, G*D]
  std::size_t length = 0;  // rows in use
};

// Hears the input [rows, K] of each linear, in the order of the forward pass and a block of whole sequences
// at a time. `modules` are those that share it ("self_attn.q_proj", ...). The matrix is valid during the call
// only.
using LinearObserver = std::function<void(std::span<const std::string_view> modules, const Matrix& input)>;

class DecoderLayer {
 public:
  // Takes layer `index` from the model; its pages in the checkpoint are let go afterwards.
  DecoderLayer(Compute& compute, const ModelSource& model, std::int64_t index);

  // What loading a layer and running it over `rows` rows is expected to need beside the states, in bytes.
  static std::uint64_t predicted_bytes(const ModelSource& model, std::size_t rows, std::size_t tokens);

  std::int64_t index() const { return index_; }
  std::size_t bytes() const;  // device memory of its linears

  // Gives a linear ("mlp.up_proj") another weight of the same shape; its bias stays.
  void replace(std::string_view module, const LinearWeight& weight);

  // states [B*tokens, C] become the layer's output. Each sequence stands at positions 0, 1, ...; with
  // `cache`, which is for one sequence, they follow its rows, which grow. Memory beyond `states` is bounded
  // whatever B is. Throws "not_finite" naming the first module whose output holds NaN or infinity.
  void forward(const Matrix& states, std::size_t tokens, const RopeTable& rope,
               const LinearObserver& observer = {}, LayerCache* cache = nullptr);

 private:
  struct Scratch;
  void attend(const Matrix& states, std::size_t tokens, const RopeTable& rope, Scratch& scratch,
              const LinearObserver& observer, LayerCache* cache);
  void feed_forward(const Matrix& states, Scratch& scratch, const LinearObserver& observer);
  void expect_finite(const Matrix& values, const std::string& module) const;
  const PackedLinear& linear(std::string_view module) const;

  Compute& compute_;
  const ModelSource& model_;
  std::int64_t index_;
  std::string prefix_;  // "model.layers.3."
  std::map<std::string, LinearSite, std::less<>> sites_;
  std::map<std::string, std::shared_ptr<const PackedLinear>, std::less<>> linears_;
  Matrix input_norm_, mlp_norm_;  // [1, C]
};

}  // namespace presswork::modelkit
