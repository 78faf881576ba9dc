// The forward pass of a decoder-only model, one layer at a time: the caller holds the hidden states of as
// many windows as it likes and walks the layers, so that memory is that of the states and one layer. Letters
// as in compute.h.
//
//   Matrix states = model.embed(ids, tokens);
//   for (i < model.layers()) model.layer(i).forward(states, tokens, model.rope());
//   model.final_norm(states);
//   model.negative_log_likelihood(states, targets);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "plugins/modelkit/model/decoder_layer.h"
#include "plugins/modelkit/model/model_source.h"
#include "plugins/modelkit/model/prefetcher.h"
#include "plugins/modelkit/model/rope_table.h"

namespace presswork::modelkit {

class Transformer {
 public:
  // Both arguments must outlive it. Throws "unsupported" when the forward pass lacks something that the model
  // needs.
  Transformer(Compute& compute, const ModelSource& source);

  const ModelSource& source() const { return source_; }
  const ModelConfig& config() const { return source_.config(); }
  Compute& compute() const { return compute_; }
  std::int64_t layers() const { return config().layers; }

  // Embeddings [R, C] of ids [R], sequences of `tokens` each, new or into `states`; a shorter list is a part
  // of one, which starts at position `first`. The rope of models that turn on the length of a sequence is
  // that of `tokens`.
  Matrix embed(std::span<const std::int32_t> ids, std::size_t tokens, std::size_t first = 0);
  void embed(const Matrix& states, std::span<const std::int32_t> ids, std::size_t tokens,
             std::size_t first = 0);
  const RopeTable& rope() const { return rope_; }

  // Takes layer `index` from the checkpoint; the next one is read ahead meanwhile.
  DecoderLayer layer(std::int64_t index) const;

  void final_norm(const Matrix& states) const;  // [R, C], in place

  // Logits [R, V] of normalized states: for few rows.
  Matrix logits(const Matrix& states);

  // The head as it is stored, and its part for the vocabulary's entries [first, first + count) on the device:
  // a large vocabulary is walked in slices. `logits` [R, count] of normalized states [R, C].
  static constexpr std::size_t kHeadSlice = 4096;  // entries packed at once
  static constexpr std::size_t kHeadRows = 256;    // rows whose logits are held at once
  LinearWeight head() const;
  std::shared_ptr<const PackedLinear> head_part(const LinearWeight& head, std::size_t first,
                                                std::size_t count) const;
  void logits(const Matrix& out, const Matrix& states, const PackedLinear& part) const;
  void release_head() const;

  // -log softmax(logits)[target] of normalized states [R, C], float64; rows whose target is negative give 0.
  // Holds a slice of the head and a block of logits only. `step` is called now and then with the share done.
  std::vector<double> negative_log_likelihood(const Matrix& states, std::span<const std::int32_t> targets,
                                              const std::function<void(double)>& step = {});

  // What negative_log_likelihood() is expected to need, in bytes.
  static std::uint64_t predicted_head_bytes(const ModelSource& model, std::size_t rows);

 private:
  Compute& compute_;
  const ModelSource& source_;
  void make_rope(std::size_t tokens);
  void add_positions(const Matrix& states, std::size_t tokens, std::size_t first);
  HostTable table(const std::string& tensor) const;
  void finish_logits(const Matrix& logits) const;  // scale and cap, in place

  RopeTable rope_;
  std::size_t positions_ = 0, length_ = 0;  // of rope_
  Norm embedding_norm_, norm_;
  mutable Prefetcher prefetcher_;
};

}  // namespace presswork::modelkit
