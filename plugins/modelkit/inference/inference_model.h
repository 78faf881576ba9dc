// A whole model on the device, for generating: every layer stays loaded, and a session keeps the keys and
// values of its tokens. The opposite of run_layers(), which holds one layer and all tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

class InferenceModel {
 public:
  // Loads all layers and the head. The arguments must outlive it; the compute device decides how weights are
  // held. `step` hears the share that is loaded.
  InferenceModel(Compute& compute, const ModelSource& source, const std::function<void(double)>& step = {});

  // Bytes that the model, its weights held as `form`, and a session of `capacity` tokens are expected to need
  // beside what the process holds already.
  static std::uint64_t predicted_bytes(const ModelSource& source, WeightForm form, std::size_t capacity);

  Compute& compute() const { return transformer_.compute(); }
  const ModelConfig& config() const { return transformer_.config(); }
  std::uint64_t weight_bytes() const;  // device memory of linears and head

 private:
  friend class Session;
  Transformer transformer_;
  std::vector<DecoderLayer> layers_;
  std::shared_ptr<const PackedLinear> head_;
};

// One sequence. Not to be used from two threads at once, nor two sessions of one model.
class Session {
 public:
  // Room for `capacity` tokens.
  Session(InferenceModel& model, std::size_t capacity);

  // Takes more tokens, at least one, and gives the logits [vocabulary] after the last of them, valid until
  // the next call. Throws "invalid_input" when there is no room or an id is outside the vocabulary,
  // "not_finite" naming where a NaN appeared.
  std::span<const float> append(std::span<const std::int32_t> ids);

  std::size_t length() const { return length_; }
  std::size_t capacity() const { return capacity_; }
  void clear();  // back to no tokens

  static std::uint64_t cache_bytes(const ModelConfig& config, std::size_t capacity);

 private:
  void forward(std::span<const std::int32_t> ids, bool last);

  InferenceModel& model_;
  std::size_t capacity_, length_ = 0;
  std::vector<LayerCache> caches_;
  Matrix logits_;
  std::vector<float> host_logits_;
};

}  // namespace presswork::modelkit
