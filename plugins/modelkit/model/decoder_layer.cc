#include "plugins/modelkit/model/decoder_layer.h"

#include <algorithm>
#include <cmath>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::string_view kQ = "self_attn.q_proj", kK = "self_attn.k_proj", kV = "self_attn.v_proj";
constexpr std::string_view kO = "self_attn.o_proj";
constexpr std::string_view kGate = "mlp.gate_proj", kUp = "mlp.up_proj", kDown = "mlp.down_proj";

constexpr std::size_t kScratchBytes = std::size_t{24} << 20;  // about what a last-level cache holds

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

void observe(const LinearObserver& observer, std::initializer_list<std::string_view> modules,
             const Matrix& input) {
  if (observer) observer(std::span(modules.begin(), modules.size()), input);
}

}  // namespace

// Activations of a block of sequences. With those that attention makes itself: keys and values once more.
struct DecoderLayer::Scratch {
  Matrix normed, q, k, v, attended, gate, up;

  static std::size_t floats_per_row(const ModelConfig& m) {
    return size(m.hidden + 2 * m.heads * m.head_dim + 4 * m.kv_heads * m.head_dim + 2 * m.intermediate);
  }

  Scratch(Compute& compute, const ModelConfig& m, std::size_t rows)
      : normed(compute.allocate(rows, size(m.hidden))),
        q(compute.allocate(rows, size(m.heads * m.head_dim))),
        k(compute.allocate(rows, size(m.kv_heads * m.head_dim))),
        v(compute.allocate(rows, size(m.kv_heads * m.head_dim))),
        attended(compute.allocate(rows, size(m.heads * m.head_dim))),
        gate(compute.allocate(rows, size(m.intermediate))),
        up(compute.allocate(rows, size(m.intermediate))) {}

  Scratch rows(std::size_t count) const {
    Scratch part = *this;
    for (Matrix* m : {&part.normed, &part.q, &part.k, &part.v, &part.attended, &part.gate, &part.up}) {
      *m = m->row_range(0, count);
    }
    return part;
  }
};

DecoderLayer::DecoderLayer(Compute& compute, const ModelSource& model, std::int64_t index)
    : compute_(compute),
      model_(model),
      index_(index),
      prefix_(layer_prefix(model.config(), index) + "."),
      input_norm_(model.vector(compute, prefix_ + "input_layernorm.weight")),
      mlp_norm_(model.vector(compute, prefix_ + "post_attention_layernorm.weight")) {
  for (LinearSite site : architecture_of(model.config()).layer(model.config(), index).linears) {
    const std::string relative = site.module;
    site.module = prefix_ + relative;
    linears_[relative] = model.packed(compute, site);
    sites_[relative] = std::move(site);
  }
  model.checkpoint().release(layer_prefix(model.config(), index));
}

std::uint64_t DecoderLayer::predicted_bytes(const ModelSource& model, std::size_t rows, std::size_t tokens) {
  const ModelConfig& m = model.config();
  std::uint64_t linears = 0, stored = 0;
  for (const LinearSite& site : architecture_of(m).layer(m, 0).linears) {
    const std::uint64_t count = size(site.out) * size(site.in);
    linears += count * sizeof(float);
    // As mapped, or as one byte a value beside the packed file.
    stored =
        std::max(stored, count * (model.quantization().empty() ? size_of(m.dtype.value_or(DType::F32)) : 2));
  }
  const std::size_t row_bytes = Scratch::floats_per_row(m) * sizeof(float);
  const std::uint64_t together =
      std::clamp<std::uint64_t>(kScratchBytes / (tokens * row_bytes), 1, rows / tokens);
  return linears + std::max<std::uint64_t>(stored, together * tokens * row_bytes);
}

std::size_t DecoderLayer::bytes() const {
  std::size_t sum = 0;
  for (const auto& [module, packed] : linears_) sum += packed->bytes();
  return sum;
}

const PackedLinear& DecoderLayer::linear(std::string_view module) const {
  const auto found = linears_.find(module);
  if (found == linears_.end())
    throw Error("internal", "the layer has no such linear", prefix_ + std::string(module));
  return *found->second;
}

void DecoderLayer::replace(std::string_view module, const LinearWeight& weight) {
  const auto& before = linear(module);
  if (size(weight.out) != before.out() || size(weight.in) != before.in()) {
    throw Error("internal", "the new weight has another shape", prefix_ + std::string(module));
  }
  const auto found = linears_.find(module);
  found->second = model_.packed(compute_, sites_.find(module)->second, weight);
}

void DecoderLayer::forward(const Matrix& states, std::size_t tokens, const RopeTable& rope,
                           const LinearObserver& observer, LayerCache* cache) {
  const ModelConfig& m = model_.config();
  const std::size_t sequences = states.rows / tokens;
  const std::size_t sequence_bytes = tokens * Scratch::floats_per_row(m) * sizeof(float);
  const std::size_t together = std::clamp<std::size_t>(kScratchBytes / sequence_bytes, 1, sequences);
  const Scratch scratch(compute_, m, together * tokens);
  for (std::size_t first = 0; first < sequences; first += together) {
    const Matrix block = states.row_range(first * tokens, std::min(together, sequences - first) * tokens);
    Scratch part = scratch.rows(block.rows);
    attend(block, tokens, rope, part, observer, cache);
    feed_forward(block, part, observer);
  }
}

void DecoderLayer::attend(const Matrix& states, std::size_t tokens, const RopeTable& rope, Scratch& scratch,
                          const LinearObserver& observer, LayerCache* cache) {
  const ModelConfig& m = model_.config();
  const std::size_t head_dim = size(m.head_dim), earlier = cache == nullptr ? 0 : cache->length;
  compute_.rms_norm(scratch.normed, states, input_norm_, static_cast<float>(m.norm_eps));
  observe(observer, {kQ, kK, kV}, scratch.normed);
  if (cache != nullptr) {
    scratch.k = cache->keys.row_range(earlier, tokens);
    scratch.v = cache->values.row_range(earlier, tokens);
  }
  compute_.linear(scratch.q, scratch.normed, linear(kQ));
  compute_.linear(scratch.k, scratch.normed, linear(kK));
  compute_.linear(scratch.v, scratch.normed, linear(kV));
  compute_.rope(scratch.q, rope.cos, rope.sin, head_dim, tokens, earlier);
  compute_.rope(scratch.k, rope.cos, rope.sin, head_dim, tokens, earlier);
  AttentionShape shape;
  shape.sequences = states.rows / tokens;
  shape.queries = tokens;
  shape.keys = earlier + tokens;
  shape.heads = size(m.heads);
  shape.kv_heads = size(m.kv_heads);
  shape.head_dim = head_dim;
  shape.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(m.head_dim)));
  if (cache != nullptr) {
    cache->length = shape.keys;
    compute_.attention(scratch.attended, scratch.q, cache->keys.row_range(0, shape.keys),
                       cache->values.row_range(0, shape.keys), shape);
  } else {
    compute_.attention(scratch.attended, scratch.q, scratch.k, scratch.v, shape);
  }
  observe(observer, {kO}, scratch.attended);
  compute_.linear(states, scratch.attended, linear(kO), true);
  if (compute_.all_finite(states)) return;
  expect_finite(scratch.normed, "input_layernorm");
  expect_finite(scratch.q, std::string(kQ));
  expect_finite(scratch.k, std::string(kK));
  expect_finite(scratch.v, std::string(kV));
  expect_finite(scratch.attended, "self_attn");
  expect_finite(states, std::string(kO));
}

void DecoderLayer::feed_forward(const Matrix& states, Scratch& scratch, const LinearObserver& observer) {
  compute_.rms_norm(scratch.normed, states, mlp_norm_, static_cast<float>(model_.config().norm_eps));
  observe(observer, {kGate, kUp}, scratch.normed);
  compute_.linear(scratch.gate, scratch.normed, linear(kGate));
  compute_.linear(scratch.up, scratch.normed, linear(kUp));
  compute_.silu_multiply(scratch.gate, scratch.up);
  observe(observer, {kDown}, scratch.gate);
  compute_.linear(states, scratch.gate, linear(kDown), true);
  if (compute_.all_finite(states)) return;
  expect_finite(scratch.normed, "post_attention_layernorm");
  expect_finite(scratch.up, std::string(kUp));
  expect_finite(scratch.gate, std::string(kGate));
  expect_finite(states, std::string(kDown));
}

void DecoderLayer::expect_finite(const Matrix& values, const std::string& module) const {
  if (compute_.all_finite(values)) return;
  const std::string culprit = model_.find_not_finite(prefix_ + module);
  throw Error("not_finite",
              culprit.empty()
                  ? "the output overflowed: it holds NaN or infinity, though the weights are finite"
                  : "the output holds NaN or infinity, and so does the stored tensor " + culprit,
              prefix_ + module,
              culprit.empty() ? "compare with the model before its last change, layer by layer"
                              : "write or download the model again");
}

}  // namespace presswork::modelkit
