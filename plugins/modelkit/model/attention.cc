#include "plugins/modelkit/model/attention.h"

#include <cmath>

namespace presswork::modelkit {
namespace {

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

// The rows of q, k and v in a fused weight.
std::vector<std::vector<RowRange>> fused_rows(const ModelConfig& m) {
  const std::int64_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  if (m.fused_order == FusedOrder::Stacked) return {{{0, q}}, {{q, kv}}, {{q + kv, kv}}};
  std::vector<std::vector<RowRange>> rows(3);
  const std::int64_t share = q / m.kv_heads, group = share + 2 * m.head_dim;
  for (std::int64_t g = 0; g < m.kv_heads; ++g) {
    rows[0].push_back({g * group, share});
    rows[1].push_back({g * group + share, m.head_dim});
    rows[2].push_back({g * group + share + m.head_dim, m.head_dim});
  }
  return rows;
}

std::vector<Norm> load_norms(const LayerLoader& layer, std::string_view module, std::int64_t heads) {
  const ModelConfig& m = layer.config();
  if (m.qk_norm == QkNorm::None || module.empty()) return {};
  const auto load = [&](std::string_view name, std::int64_t width) {
    return layer.norm(name, m.qk_norm_style, size(width));
  };
  if (m.qk_norm == QkNorm::Head) return {load(module, m.head_dim)};
  if (m.qk_norm == QkNorm::Whole || module.find('*') == std::string_view::npos)
    return {load(module, heads * m.head_dim)};
  std::vector<Norm> norms;
  for (std::int64_t head = 0; head < heads; ++head) norms.push_back(load(numbered(module, head), m.head_dim));
  return norms;
}

// x [R, H*D] as [R*H, D]; its rows follow one another without gaps.
Matrix heads_as_rows(const Matrix& x, std::size_t head_dim) {
  return {x.storage, x.offset, x.rows * x.cols / head_dim, head_dim, head_dim};
}

}  // namespace

Attention::Attention(const LayerLoader& layer)
    : o_(layer.linear(layer.config().modules.o)),
      q_norm_(load_norms(layer, layer.config().modules.q_norm, layer.config().heads)),
      k_norm_(load_norms(layer, layer.config().modules.k_norm, layer.config().kv_heads)) {
  const LayerModules& names = layer.config().modules;
  if (!names.sinks.empty()) {
    sinks_ = layer.model().values(layer.prefix() + std::string(names.sinks), size(layer.config().heads));
  }
  if (names.qkv.empty()) {
    q_ = layer.linear(names.q);
    k_ = layer.linear(names.k);
    v_ = layer.linear(names.v);
  } else {
    auto parts = layer.parts(names.qkv, fused_rows(layer.config()));
    q_ = std::move(parts[0]);
    k_ = std::move(parts[1]);
    v_ = std::move(parts[2]);
  }
}

std::size_t Attention::floats_per_row(const ModelConfig& m) {
  return size(2 * m.heads * m.head_dim + 4 * m.kv_heads * m.head_dim);
}

Attention::Scratch Attention::scratch(Compute& compute, const ModelConfig& m, std::size_t rows) {
  const std::size_t q = size(m.heads * m.head_dim), kv = size(m.kv_heads * m.head_dim);
  return {compute.allocate(rows, q), compute.allocate(rows, kv), compute.allocate(rows, kv),
          compute.allocate(rows, q)};
}

void Attention::each(const std::function<void(Projection&)>& visit) {
  for (Projection* projection : {&q_, &k_, &v_, &o_}) visit(*projection);
}

std::size_t Attention::bytes() const {
  return q_.packed->bytes() + k_.packed->bytes() + v_.packed->bytes() + o_.packed->bytes();
}

void Attention::norm_heads(const LayerLoader& layer, const std::vector<Norm>& norms, const Matrix& x) const {
  Compute& compute = layer.compute();
  const std::size_t depth = size(layer.config().head_dim);
  if (norms.empty()) return;
  switch (layer.config().qk_norm) {
    case QkNorm::None:
      return;
    case QkNorm::Whole:
      return norms[0].apply(compute, x, x);
    case QkNorm::Head: {
      const Matrix heads = heads_as_rows(x, depth);
      return norms[0].apply(compute, heads, heads);
    }
    case QkNorm::OwnHead:
      for (std::size_t c = 0; c < x.cols; c += depth) {
        const Matrix head = x.column_range(c, depth);
        norms.size() == 1 ? norms[0].apply(compute, head, head, c)
                          : norms.at(c / depth).apply(compute, head, head);
      }
  }
}

void Attention::forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& normed,
                        std::size_t tokens, const RopeTable& rope, Scratch& scratch,
                        const LinearObserver& observer, LayerCache* cache) const {
  Compute& compute = layer.compute();
  const ModelConfig& m = layer.config();
  const std::size_t earlier = cache == nullptr ? 0 : cache->length;
  if (observer) {
    const std::string_view apart[] = {q_.site.module, k_.site.module, v_.site.module};
    observer(std::span(apart, m.modules.qkv.empty() ? 3 : 1), normed);
  }
  if (cache != nullptr) {
    scratch.k = cache->keys.row_range(earlier, tokens);
    scratch.v = cache->values.row_range(earlier, tokens);
  }
  compute.linear(scratch.q, normed, *q_.packed);
  compute.linear(scratch.k, normed, *k_.packed);
  compute.linear(scratch.v, normed, *v_.packed);
  if (m.qkv_limit > 0) {
    for (const Matrix* x : {&scratch.q, &scratch.k, &scratch.v})
      compute.clamp(*x, static_cast<float>(m.qkv_limit));
  }
  const auto norm = [&] {
    norm_heads(layer, q_norm_, scratch.q);
    norm_heads(layer, k_norm_, scratch.k);
  };
  if (!m.qk_norm_after_rope) norm();
  for (const Matrix* x : {&scratch.q, &scratch.k}) {
    rope.rotate(compute, m, layer.kind().rope, *x, tokens, earlier);
  }
  if (m.qk_norm_after_rope) norm();
  AttentionShape shape;
  shape.sequences = normed.rows / tokens;
  shape.queries = tokens;
  shape.keys = earlier + tokens;
  shape.heads = size(m.heads);
  shape.kv_heads = size(m.kv_heads);
  shape.head_dim = size(m.head_dim);
  shape.scale =
      static_cast<float>(m.attention_scale.value_or(1.0 / std::sqrt(static_cast<double>(m.head_dim))));
  shape.sliding_window = size(layer.kind().window);
  shape.softcap = static_cast<float>(m.attention_softcap);
  shape.sinks = sinks_;
  if (cache != nullptr) {
    cache->length = shape.keys;
    compute.attention(scratch.attended, scratch.q, cache->keys.row_range(0, shape.keys),
                      cache->values.row_range(0, shape.keys), shape);
  } else {
    compute.attention(scratch.attended, scratch.q, scratch.k, scratch.v, shape);
  }
  if (observer) {
    const std::string_view last[] = {o_.site.module};
    observer(last, scratch.attended);
  }
  compute.linear(out, scratch.attended, *o_.packed, accumulate);
}

void Attention::expect_finite(const LayerLoader& layer, const Scratch& scratch) const {
  layer.expect_finite(scratch.q, q_.site.module);
  layer.expect_finite(scratch.k, k_.site.module);
  layer.expect_finite(scratch.v, v_.site.module);
  layer.expect_finite(scratch.attended, "self_attn");
}

}  // namespace presswork::modelkit
