#include "plugins/modelkit/inference/inference_model.h"

#include <algorithm>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kChunk = 512;  // tokens of a prompt that pass at once: bounds the activations

std::size_t cache_width(const ModelConfig& m) { return static_cast<std::size_t>(m.kv_heads * m.head_dim); }

}  // namespace

InferenceModel::InferenceModel(Compute& compute, const ModelSource& source,
                               const std::function<void(double)>& step)
    : transformer_(compute, source) {
  const std::int64_t layers = transformer_.layers();
  layers_.reserve(static_cast<std::size_t>(layers));
  for (std::int64_t i = 0; i < layers; ++i) {
    if (step) step(static_cast<double>(i) / static_cast<double>(layers + 1));
    layers_.push_back(transformer_.layer(i));
  }
  const LinearWeight head = transformer_.head();
  head_ = transformer_.head_part(head, 0, static_cast<std::size_t>(head.out));
  transformer_.release_head();
}

std::uint64_t InferenceModel::weight_bytes() const {
  std::uint64_t sum = head_->bytes();
  for (const DecoderLayer& layer : layers_) sum += layer.bytes();
  return sum;
}

Session::Session(InferenceModel& model, std::size_t capacity)
    : model_(model), capacity_(capacity), logits_(model.compute().allocate(1, model.head_->out())) {
  const std::size_t width = cache_width(model.config());
  for (std::int64_t i = 0; i < model.config().layers; ++i) {
    caches_.push_back(
        {model.compute().allocate(capacity, width), model.compute().allocate(capacity, width), 0});
  }
  host_logits_.resize(logits_.cols);
}

std::uint64_t Session::cache_bytes(const ModelConfig& config, std::size_t capacity) {
  return 2 * sizeof(float) * capacity * cache_width(config) * static_cast<std::size_t>(config.layers);
}

void Session::clear() {
  length_ = 0;
  for (LayerCache& cache : caches_) cache.length = 0;
}

std::span<const float> Session::append(std::span<const std::int32_t> ids) {
  if (ids.empty()) throw Error("internal", "there is no token to append", "session");
  if (ids.size() > capacity_ - length_) {
    throw Error("invalid_input",
                std::to_string(length_ + ids.size()) + " tokens are more than the " +
                    std::to_string(capacity_) + " that there is room for",
                "session");
  }
  for (std::size_t first = 0; first < ids.size(); first += kChunk) {
    const std::size_t count = std::min(kChunk, ids.size() - first);
    forward(ids.subspan(first, count), first + count == ids.size());
  }
  return host_logits_;
}

void Session::forward(std::span<const std::int32_t> ids, bool last) {
  Transformer& transformer = model_.transformer_;
  // Rope tables are made once, except where they turn on the sequence's length.
  const Rope& rope = model_.config().rope;
  const std::size_t tokens = rope_depends_on_length(rope) ? length_ + ids.size() : capacity_;
  const Matrix states = transformer.embed(ids, tokens, length_);
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    model_.layers_[i].forward(states, ids.size(), transformer.rope(), {}, &caches_[i]);
  }
  length_ += ids.size();
  if (!last) return;
  const Matrix end = states.row_range(ids.size() - 1, 1);
  transformer.final_norm(end);
  transformer.logits(logits_, end, *model_.head_);
  model_.compute().read(logits_, host_logits_);
}

}  // namespace presswork::modelkit
