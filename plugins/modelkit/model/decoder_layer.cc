#include "plugins/modelkit/model/decoder_layer.h"

#include <algorithm>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kScratchBytes = std::size_t{24} << 20;  // about what a last-level cache holds

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

// Whether a block's output can be added to the states by its last linear, without a place of its own.
bool adds_directly(const ModelConfig& m, const Norm& norm) { return !norm && m.residual_scale == 1.0; }

}  // namespace

// Activations of a block of sequences.
struct DecoderLayer::Scratch {
  Matrix normed;      // input of attention, then of the feed-forward
  Matrix mlp_normed;  // its own, where both read the same states
  Matrix output;      // of attention or feed-forward, where it is not added directly
  Attention::Scratch attention;
  FeedForward::Scratch feed_forward;

  static std::size_t floats_per_row(const ModelConfig& m) {
    return size((m.parallel ? 3 : 2) * m.hidden) + Attention::floats_per_row(m) +
           FeedForward::floats_per_row(m);
  }

  Scratch(Compute& compute, const ModelConfig& m, std::size_t rows)
      : normed(compute.allocate(rows, size(m.hidden))),
        mlp_normed(m.parallel ? compute.allocate(rows, size(m.hidden)) : Matrix{}),
        output(compute.allocate(rows, size(m.hidden))),
        attention(Attention::scratch(compute, m, rows)),
        feed_forward(FeedForward::scratch(compute, m, rows)) {}

  Scratch rows(std::size_t count) const {
    Scratch part = *this;
    for (Matrix* m : {&part.normed, &part.mlp_normed, &part.output, &part.attention.q, &part.attention.k,
                      &part.attention.v, &part.attention.attended}) {
      *m = m->row_range(0, count);
    }
    return part;
  }
};

DecoderLayer::DecoderLayer(Compute& compute, const ModelSource& model, std::int64_t index)
    : loader_(compute, model, index), attention_(loader_), feed_forward_(loader_) {
  const ModelConfig& m = model.config();
  const auto norm = [&](std::string_view module) { return loader_.norm(module, m.norm, size(m.hidden)); };
  input_norm_ = norm(m.modules.input_norm);
  attention_norm_ = norm(m.modules.attention_norm);
  mlp_norm_ = norm(m.modules.mlp_norm);
  mlp_output_norm_ = norm(m.modules.mlp_output_norm);
  model.checkpoint().release(layer_prefix(m, index));
}

std::uint64_t DecoderLayer::predicted_bytes(const ModelSource& model, std::size_t rows, std::size_t tokens) {
  const ModelConfig& m = model.config();
  std::uint64_t linears = 0, stored = 0;
  for (const bool experts : {false, true}) {
    std::int64_t layer = 0;
    while (layer < m.layers && m.kind(layer).experts != experts) ++layer;
    if (layer == m.layers) continue;
    std::uint64_t sum = 0;
    for (const LinearSite& site : layer_sites(m, layer).linears) {
      const std::uint64_t count = size(site.out) * size(site.in);
      sum += count * sizeof(float);
      // As mapped, or as one byte a value beside the packed file.
      const std::size_t width = model.quantization().empty() ? size_of(m.dtype.value_or(DType::F32)) : 2;
      stored = std::max(stored, count * width);
    }
    linears = std::max(linears, sum);
  }
  return linears + std::max(stored, scratch_bytes(m, rows, tokens));
}

std::uint64_t DecoderLayer::scratch_bytes(const ModelConfig& model, std::size_t rows, std::size_t tokens) {
  const std::uint64_t sequence_bytes = tokens * Scratch::floats_per_row(model) * sizeof(float);
  return sequence_bytes * std::clamp<std::uint64_t>(kScratchBytes / sequence_bytes, 1, rows / tokens);
}

std::size_t DecoderLayer::bytes() const { return attention_.bytes() + feed_forward_.bytes(); }

void DecoderLayer::replace(std::string_view module, const LinearWeight& weight) {
  bool found = false;
  const auto visit = [&](Projection& projection) {
    if (projection.site.module != module) return;
    loader_.replace(projection, weight);
    found = true;
  };
  attention_.each(visit);
  feed_forward_.each(visit);
  if (!found) throw Error("internal", "the layer has no such linear", loader_.prefix() + std::string(module));
}

void DecoderLayer::replace_values(std::string_view tensor, const std::vector<float>& values) {
  const std::size_t dot = tensor.rfind('.');
  const std::string_view module = tensor.substr(0, dot), part = tensor.substr(dot + 1);
  const LayerModules& names = loader_.config().modules;
  for (const auto& [name, norm] : {std::pair{names.input_norm, &input_norm_}, {names.mlp_norm, &mlp_norm_}}) {
    if (name.empty() || module != name) continue;
    return part == "bias" ? norm->set_bias(loader_.compute(), values)
                          : norm->set_weight(loader_.compute(), values);
  }
  if (part != "bias")
    throw Error("internal", "the layer has no such values", loader_.prefix() + std::string(tensor));
  loader_.set_bias(std::string(module), values);
}

void DecoderLayer::forward(const Matrix& states, std::size_t tokens, const RopeTable& rope,
                           const LinearObserver& observer, LayerCache* cache) {
  forward_blocks(states, tokens, rope, observer, cache, Output::Wanted);
}

void DecoderLayer::observe(const Matrix& states, std::size_t tokens, const RopeTable& rope,
                           const LinearObserver& observer) {
  forward_blocks(states, tokens, rope, observer, nullptr, Output::Unread);
}

void DecoderLayer::forward_blocks(const Matrix& states, std::size_t tokens, const RopeTable& rope,
                                  const LinearObserver& observer, LayerCache* cache, Output output) {
  const ModelConfig& m = loader_.config();
  const std::size_t sequences = states.rows / tokens;
  const std::size_t sequence_bytes = tokens * Scratch::floats_per_row(m) * sizeof(float);
  const std::size_t together = scratch_bytes(m, states.rows, tokens) / sequence_bytes;
  const Scratch scratch(loader_.compute(), m, together * tokens);
  for (std::size_t first = 0; first < sequences; first += together) {
    const Matrix block = states.row_range(first * tokens, std::min(together, sequences - first) * tokens);
    Scratch part = scratch.rows(block.rows);
    run(block, tokens, rope, part, observer, cache, output);
  }
}

void DecoderLayer::run(const Matrix& states, std::size_t tokens, const RopeTable& rope, Scratch& scratch,
                       const LinearObserver& observer, LayerCache* cache, Output output) const {
  Compute& compute = loader_.compute();
  if (loader_.config().parallel) {
    input_norm_.apply(compute, scratch.normed, states);
    if (mlp_norm_) mlp_norm_.apply(compute, scratch.mlp_normed, states);
    add_attention(states, scratch.normed, tokens, rope, scratch, observer, cache);
    add_feed_forward(states, mlp_norm_ ? scratch.mlp_normed : scratch.normed, scratch, observer, output);
    return;
  }
  if (input_norm_) input_norm_.apply(compute, scratch.normed, states);
  add_attention(states, input_norm_ ? scratch.normed : states, tokens, rope, scratch, observer, cache);
  if (mlp_norm_) mlp_norm_.apply(compute, scratch.normed, states);
  add_feed_forward(states, mlp_norm_ ? scratch.normed : states, scratch, observer, output);
}

void DecoderLayer::add_attention(const Matrix& states, const Matrix& normed, std::size_t tokens,
                                 const RopeTable& rope, Scratch& scratch, const LinearObserver& observer,
                                 LayerCache* cache) const {
  const bool directly = adds_directly(loader_.config(), attention_norm_);
  attention_.forward(loader_, directly ? states : scratch.output, directly, normed, tokens, rope,
                     scratch.attention, observer, cache);
  if (!directly) add_block(states, scratch.output, attention_norm_);
  if (loader_.compute().all_finite(states)) return;
  if (input_norm_) loader_.expect_finite(normed, loader_.config().modules.input_norm);
  attention_.expect_finite(loader_, scratch.attention);
  loader_.expect_finite(states, loader_.config().modules.o);
}

void DecoderLayer::add_feed_forward(const Matrix& states, const Matrix& normed, Scratch& scratch,
                                    const LinearObserver& observer, Output output) const {
  if (output == Output::Unread && !loader_.kind().experts) {
    feed_forward_.forward(loader_, {}, false, normed, scratch.feed_forward, observer);
    return feed_forward_.expect_finite(loader_, scratch.feed_forward);
  }
  const bool directly = adds_directly(loader_.config(), mlp_output_norm_);
  feed_forward_.forward(loader_, directly ? states : scratch.output, directly, normed, scratch.feed_forward,
                        observer);
  if (!directly) add_block(states, scratch.output, mlp_output_norm_);
  if (loader_.compute().all_finite(states)) return;
  const LayerModules& names = loader_.config().modules;
  if (mlp_norm_) loader_.expect_finite(normed, names.mlp_norm);
  feed_forward_.expect_finite(loader_, scratch.feed_forward);
  loader_.expect_finite(states, loader_.kind().experts ? names.router : names.down);
}

void DecoderLayer::add_block(const Matrix& states, const Matrix& output, const Norm& norm) const {
  Compute& compute = loader_.compute();
  if (norm) norm.apply(compute, output, output);
  const double factor = loader_.config().residual_scale;
  if (factor != 1.0) compute.scale(output, static_cast<float>(factor));
  compute.add(states, output);
}

}  // namespace presswork::modelkit
