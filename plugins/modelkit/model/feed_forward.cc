#include "plugins/modelkit/model/feed_forward.h"

#include <algorithm>
#include <cmath>

#include "plugins/modelkit/model/routing.h"

namespace presswork::modelkit {
namespace {

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

// Of all MLPs, dense, expert and shared: the columns of the scratch.
std::size_t widest(const ModelConfig& m) {
  return size(std::max({m.intermediate, m.experts.intermediate, m.experts.shared_intermediate}));
}

Matrix part(const Matrix& scratch, std::size_t rows, std::size_t cols) {
  return scratch.row_range(0, rows).column_range(0, cols);
}

}  // namespace

Mlp::Mlp(const LayerLoader& layer, std::string_view gate, std::string_view up, std::string_view down,
         std::string_view gate_up)
    : gated_(!gate.empty() || !gate_up.empty()), fused_(!gate_up.empty()), down_(layer.linear(down)) {
  if (fused_) {
    const std::int64_t half = layer.config().intermediate;
    auto both = layer.parts(gate_up, {{{0, half}}, {{half, half}}});
    gate_ = std::move(both[0]);
    up_ = std::move(both[1]);
    return;
  }
  if (gated_) gate_ = layer.linear(gate);
  up_ = layer.linear(up);
}

void Mlp::forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& x,
                  const Matrix& gate_scratch, const Matrix& hidden_scratch,
                  const LinearObserver& observer) const {
  Compute& compute = layer.compute();
  const Activation f = layer.config().activation;
  const Matrix gate = part(gate_scratch, x.rows, width()), hidden = part(hidden_scratch, x.rows, width());
  if (observer) {
    const std::string_view first[] = {gate_.site.module, up_.site.module};
    observer(std::span(first).subspan(gated_ ? 0 : 1, gated_ && !fused_ ? 2 : 1), x);
  }
  compute.linear(hidden, x, *up_.packed);
  if (gated_) {
    compute.linear(gate, x, *gate_.packed);
    compute.activate_multiply(gate, hidden, f);
  } else {
    compute.activate(hidden, f);
  }
  const Matrix& last = gated_ ? gate : hidden;
  if (observer) {
    const std::string_view module[] = {down_.site.module};
    observer(module, last);
  }
  if (out.rows != 0) compute.linear(out, last, *down_.packed, accumulate);
}

void Mlp::expect_finite(const LayerLoader& layer, const Matrix& gate, const Matrix& hidden) const {
  layer.expect_finite(hidden.column_range(0, width()), up_.site.module);
  if (gated_) layer.expect_finite(gate.column_range(0, width()), gate_.site.module);
}

void Mlp::each(const std::function<void(Projection&)>& visit) {
  if (gated_) visit(gate_);
  visit(up_);
  visit(down_);
}

std::size_t Mlp::bytes() const {
  return (gated_ ? gate_.packed->bytes() : 0) + up_.packed->bytes() + down_.packed->bytes();
}

FeedForward::FeedForward(const LayerLoader& layer) {
  const ModelConfig& m = layer.config();
  const LayerModules& names = m.modules;
  if (!layer.kind().experts) {
    mlps_.emplace_back(layer, names.gate, names.up, names.down, names.gate_up);
    return;
  }
  router_ = layer.linear(names.router);
  if (!names.router_bias.empty()) {
    router_bias_ =
        layer.model().values(layer.prefix() + std::string(names.router_bias), size(m.experts.count));
  }
  for (std::int64_t e = 0; e < m.experts.count; ++e) {
    mlps_.emplace_back(layer, numbered(names.expert_gate, e), numbered(names.expert_up, e),
                       numbered(names.expert_down, e));
  }
  if (m.experts.shared_intermediate == 0) return;
  mlps_.emplace_back(layer, names.shared_gate, names.shared_up, names.shared_down);
  if (!names.shared_router.empty()) shared_router_ = layer.linear(names.shared_router);
}

std::size_t FeedForward::floats_per_row(const ModelConfig& m) {
  return 2 * widest(m) + (m.experts.count == 0 ? 0 : 2 * size(m.hidden));
}

FeedForward::Scratch FeedForward::scratch(Compute& compute, const ModelConfig& m, std::size_t rows) {
  Scratch scratch{compute.allocate(rows, widest(m)), compute.allocate(rows, widest(m)), {}, {}};
  if (m.experts.count != 0) {
    scratch.chosen = compute.allocate(rows, size(m.hidden));
    scratch.produced = compute.allocate(rows, size(m.hidden));
  }
  return scratch;
}

void FeedForward::each(const std::function<void(Projection&)>& visit) {
  for (Mlp& mlp : mlps_) mlp.each(visit);
  if (router_.packed != nullptr) visit(router_);
  if (shared_router_.packed != nullptr) visit(shared_router_);
}

std::size_t FeedForward::bytes() const {
  std::size_t sum = router_.packed == nullptr ? 0 : router_.packed->bytes();
  if (shared_router_.packed != nullptr) sum += shared_router_.packed->bytes();
  for (const Mlp& mlp : mlps_) sum += mlp.bytes();
  return sum;
}

void FeedForward::forward(const LayerLoader& layer, const Matrix& out, bool accumulate, const Matrix& normed,
                          const Scratch& scratch, const LinearObserver& observer) const {
  if (router_.packed == nullptr) {
    return mlps_.front().forward(layer, out, accumulate, normed, scratch.gate, scratch.hidden, observer);
  }
  if (!accumulate) layer.compute().scale(out, 0.0F);
  mix(layer, out, normed, scratch, observer);
  if (layer.config().experts.shared_intermediate != 0) add_shared(layer, out, normed, scratch, observer);
}

void FeedForward::mix(const LayerLoader& layer, const Matrix& out, const Matrix& normed,
                      const Scratch& scratch, const LinearObserver& observer) const {
  Compute& compute = layer.compute();
  const Experts& experts = layer.config().experts;
  const Matrix logits = compute.allocate(normed.rows, size(experts.count));
  compute.linear(logits, normed, *router_.packed);
  layer.expect_finite(logits, router_.site.module);
  const auto loads = route(read(compute, logits), experts, router_bias_);
  for (std::size_t e = 0; e < loads.size(); ++e) {
    const std::size_t count = loads[e].rows.size();
    if (count == 0) continue;
    const Matrix input = scratch.chosen.row_range(0, count), produced = scratch.produced.row_range(0, count);
    compute.take_rows(input, normed, loads[e].rows);
    mlps_[e].forward(layer, produced, false, input, scratch.gate, scratch.hidden, observer);
    compute.add_rows(out, produced, loads[e].rows, loads[e].weights);
  }
}

void FeedForward::add_shared(const LayerLoader& layer, const Matrix& out, const Matrix& normed,
                             const Scratch& scratch, const LinearObserver& observer) const {
  const Mlp& shared = mlps_.back();
  if (shared_router_.packed == nullptr) {
    return shared.forward(layer, out, true, normed, scratch.gate, scratch.hidden, observer);
  }
  Compute& compute = layer.compute();
  const Matrix produced = scratch.produced.row_range(0, normed.rows);
  shared.forward(layer, produced, false, normed, scratch.gate, scratch.hidden, observer);
  const Matrix logits = compute.allocate(normed.rows, 1);
  compute.linear(logits, normed, *shared_router_.packed);
  std::vector<float> weights = read(compute, logits);
  std::vector<std::size_t> rows(weights.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    weights[r] = 1.0F / (1.0F + std::exp(-weights[r]));
    rows[r] = r;
  }
  compute.add_rows(out, produced, rows, weights);
}

void FeedForward::expect_finite(const LayerLoader& layer, const Scratch& scratch) const {
  if (router_.packed == nullptr) mlps_.front().expect_finite(layer, scratch.gate, scratch.hidden);
}

}  // namespace presswork::modelkit
