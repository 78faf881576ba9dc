// One decoder layer on the device: attention and feed-forward, each between norms and added to the states, as
// the model's configuration says. Letters in shapes as in compute.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/modelkit/model/attention.h"
#include "plugins/modelkit/model/feed_forward.h"
#include "plugins/modelkit/model/layer_loader.h"
#include "plugins/modelkit/model/rope_table.h"

namespace presswork::modelkit {

class DecoderLayer {
 public:
  // Takes layer `index` from the model; its pages in the checkpoint are let go afterwards.
  DecoderLayer(Compute& compute, const ModelSource& model, std::int64_t index);

  // What loading a layer (the largest) and running it over `rows` rows is expected to need beside the states,
  // in bytes.
  static std::uint64_t predicted_bytes(const ModelSource& model, std::size_t rows, std::size_t tokens);

  // Of that, the activations of one pass.
  static std::uint64_t scratch_bytes(const ModelConfig& model, std::size_t rows, std::size_t tokens);

  std::int64_t index() const { return loader_.index(); }
  std::size_t bytes() const;  // device memory of its linears

  // Gives a linear ("mlp.up_proj") another weight of the same shape; its bias stays.
  void replace(std::string_view module, const LinearWeight& weight);

  // Gives the norm before attention or MLP another weight or bias ("input_layernorm.weight"), or a linear
  // another bias ("mlp.up_proj.bias"), which counts once its weight is replaced too.
  void replace_values(std::string_view tensor, const std::vector<float>& values);

  // states [B*tokens, C] become the layer's output. Each sequence stands at positions 0, 1, ...; with
  // `cache`, which is for one sequence, they follow its rows, which grow. Memory beyond `states` is bounded
  // whatever B is. Throws "not_finite" naming the first module whose output holds NaN or infinity.
  void forward(const Matrix& states, std::size_t tokens, const RopeTable& rope,
               const LinearObserver& observer = {}, LayerCache* cache = nullptr);

  // For the observer only: `states` are spoiled, and the last product of a plain MLP, which nothing in this
  // layer reads, is left out.
  void observe(const Matrix& states, std::size_t tokens, const RopeTable& rope,
               const LinearObserver& observer);

 private:
  enum class Output { Wanted, Unread };

  struct Scratch;
  void forward_blocks(const Matrix& states, std::size_t tokens, const RopeTable& rope,
                      const LinearObserver& observer, LayerCache* cache, Output output);
  // One block of whole sequences.
  void run(const Matrix& states, std::size_t tokens, const RopeTable& rope, Scratch& scratch,
           const LinearObserver& observer, LayerCache* cache, Output output) const;
  void add_attention(const Matrix& states, const Matrix& normed, std::size_t tokens, const RopeTable& rope,
                     Scratch& scratch, const LinearObserver& observer, LayerCache* cache) const;
  void add_feed_forward(const Matrix& states, const Matrix& normed, Scratch& scratch,
                        const LinearObserver& observer, Output output) const;
  void add_block(const Matrix& states, const Matrix& output, const Norm& norm) const;

  LayerLoader loader_;
  Attention attention_;
  FeedForward feed_forward_;
  Norm input_norm_, attention_norm_, mlp_norm_, mlp_output_norm_;
};

}  // namespace presswork::modelkit
