#include "plugins/modelkit/inference/inference_model.h"

#include <algorithm>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kChunk = 512;  // tokens of a prompt that pass at once: bounds the activations

std::size_t cache_width(const ModelConfig& m) { return static_cast<std::size_t>(m.kv_heads * m.head_dim); }

// Bytes of a weight in memory; what is not quantized is stored as bfloat16.
double bytes_per_weight(const ModelSource& source, const LinearSite& site, WeightForm form) {
  constexpr double kScale = 2.0 / 32.0;  // a float16 for each block of 32
  const QuantizationScheme* scheme = source.quantization().scheme_for(site.module);
  switch (form) {
    case WeightForm::Float32:
      return 4.0;
    case WeightForm::Bf16:
    case WeightForm::Bf16Products:
      return 2.0;
    case WeightForm::Int8:
      return 1.0 + kScale;
    case WeightForm::Int4:
      return 0.5 + kScale;
    case WeightForm::Stored:
      break;
  }
  if (scheme == nullptr || scheme->bits > 8) return 2.0;
  const auto group = static_cast<double>(scheme->group_size == 0 ? site.in : scheme->group_size);
  return (scheme->bits <= 4 ? 0.5 : 1.0) + (scheme->symmetric ? 4.0 : 5.0) / group;
}

}  // namespace

std::uint64_t InferenceModel::predicted_bytes(const ModelSource& source, WeightForm form,
                                              std::size_t capacity) {
  constexpr std::uint64_t kRuntime = 12u << 20;  // oneDNN's kernels, the code itself
  const ModelConfig& m = source.config();
  std::vector<LinearSite> sites = decoder_linears(m);
  for (const LinearSite& router : decoder_routers(m)) sites.push_back(router);
  sites.push_back(head_linear(m));
  double weights = 0.0, largest = 0.0;  // the largest as it is stored
  for (const LinearSite& site : sites) {
    const double count = static_cast<double>(site.out) * static_cast<double>(site.in);
    weights += count * bytes_per_weight(source, site, form);
    const bool dense = source.quantization().scheme_for(site.module) == nullptr;
    const std::size_t width = dense ? size_of(m.dtype.value_or(DType::F32)) : 2;
    largest = std::max(largest, count * static_cast<double>(width));
  }
  const std::size_t rows = std::min(kChunk, capacity);
  // A layer's keys and values are packed anew for each block of a prompt.
  const std::uint64_t packed = 2 * sizeof(float) * capacity * cache_width(m);
  const std::uint64_t running = packed + DecoderLayer::scratch_bytes(m, rows, rows);
  return kRuntime + static_cast<std::uint64_t>(weights) + Session::cache_bytes(m, capacity) +
         std::max(static_cast<std::uint64_t>(largest), running);
}

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
