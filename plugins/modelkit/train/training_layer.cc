#include "plugins/modelkit/train/training_layer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

namespace presswork::modelkit {
namespace {

using enum Gradients::Form;

enum Which : std::size_t { kQ, kK, kV, kO, kGate, kUp, kDown };

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

std::vector<LinearSite> ordered_sites(const ModelConfig& model, std::int64_t index) {
  const LayerModules& names = model.modules;
  const std::vector<LinearSite> all = layer_sites(model, index).linears;
  std::vector<LinearSite> ordered;
  for (const std::string_view name : {names.q, names.k, names.v, names.o, names.gate, names.up, names.down}) {
    ordered.push_back(
        *std::find_if(all.begin(), all.end(), [&](const LinearSite& site) { return site.module == name; }));
  }
  return ordered;
}

Matrix row_of(Compute& compute, const std::vector<float>& values) {
  const Matrix row = compute.allocate(1, values.size());
  compute.write(row, values);
  return row;
}

}  // namespace

TrainingRope::TrainingRope(Compute& compute, const ModelConfig& model, std::size_t length)
    : tokens(length),
      forward(make_rope_table(compute, model, length, static_cast<std::int64_t>(length))),
      backward(make_rope_table(compute, model, length, static_cast<std::int64_t>(length))) {
  for (const Matrix* sines : {&backward.sin, &backward.local_sin}) {
    if (sines->storage != nullptr) compute.scale(*sines, -1.0F);
  }
}

LayerWeights allocate_weights(Compute& compute, const ModelConfig& model) {
  LayerWeights weights;
  const auto sites = ordered_sites(model, 0);
  for (std::size_t i = 0; i < kLayerLinears; ++i)
    weights[i] = compute.allocate(size(sites[i].out), size(sites[i].in));
  return weights;
}

Matrix norm_factors(Compute& compute, const ModelSource& source, const std::string& module) {
  return row_of(compute, source.norm_factors(module, size(source.config().hidden)));
}

std::size_t LayerTape::floats_per_row(const ModelConfig& m) {
  return size(4 * m.hidden + 4 * m.heads * m.head_dim + 4 * m.kv_heads * m.head_dim + 5 * m.intermediate);
}

LayerTape::LayerTape(Compute& compute, const ModelConfig& m, std::size_t rows) : all_rows(rows) {
  std::iota(all_rows.begin(), all_rows.end(), std::size_t{0});
  const auto allocate = [&](std::int64_t cols, auto... matrices) {
    ((*matrices = compute.allocate(rows, size(cols))), ...);
  };
  allocate(m.hidden, &attention_input, &middle, &mlp_input, &dstates);
  allocate(m.heads * m.head_dim, &q, &attended, &dq, &dattended);
  allocate(m.kv_heads * m.head_dim, &k, &v, &dk, &dv);
  allocate(m.intermediate, &gate, &up, &product, &dgate, &dup);
}

TrainingLayer::TrainingLayer(Compute& compute, Gradients& gradients, const ModelSource& source,
                             std::int64_t index)
    : compute_(compute),
      gradients_(gradients),
      model_(source.config()),
      index_(index),
      sites_(ordered_sites(model_, index)) {
  const std::string prefix = layer_prefix(model_, index) + ".";
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (!sites_[i].bias) continue;
    biases_[i] = row_of(compute, source.values(prefix + sites_[i].module + ".bias", size(sites_[i].out)));
  }
  input_norm_ = norm_factors(compute, source, prefix + std::string(model_.modules.input_norm));
  mlp_norm_ = norm_factors(compute, source, prefix + std::string(model_.modules.mlp_norm));
}

AttentionShape TrainingLayer::shape(std::size_t rows, std::size_t tokens) const {
  AttentionShape shape;
  shape.sequences = rows / tokens;
  shape.queries = shape.keys = tokens;
  shape.heads = size(model_.heads);
  shape.kv_heads = size(model_.kv_heads);
  shape.head_dim = size(model_.head_dim);
  shape.scale = static_cast<float>(
      model_.attention_scale.value_or(1.0 / std::sqrt(static_cast<double>(model_.head_dim))));
  shape.sliding_window = size(model_.kind(index_).window);
  shape.softcap = static_cast<float>(model_.attention_softcap);
  return shape;
}

void TrainingLayer::linear(const Matrix& out, const Matrix& x, const LayerWeights& weights,
                           std::size_t which) const {
  gradients_.product(out, x, Plain, weights[which], Transposed);
  if (biases_[which].storage == nullptr) return;
  const Matrix ones = row_of(compute_, std::vector<float>(x.rows, 1.0F));
  gradients_.product(out, ones, Transposed, biases_[which], Plain, true);
}

void TrainingLayer::forward(const Matrix& out, const Matrix& x, const LayerWeights& weights,
                            const TrainingRope& rope, LayerTape& tape) const {
  const auto epsilon = static_cast<float>(model_.norm_eps);
  const std::size_t rows = x.rows;
  const std::span<const std::size_t> all(tape.all_rows.data(), rows);
  const auto part = [&](const Matrix& m) { return m.row_range(0, rows); };
  tape.input = x;
  const Matrix q = part(tape.q), k = part(tape.k), v = part(tape.v), attended = part(tape.attended);
  compute_.rms_norm(part(tape.attention_input), x, input_norm_, epsilon);
  linear(q, part(tape.attention_input), weights, kQ);
  linear(k, part(tape.attention_input), weights, kK);
  linear(v, part(tape.attention_input), weights, kV);
  for (const Matrix& turned : {q, k})
    rope.forward.rotate(compute_, model_, model_.kind(index_).rope, turned, rope.tokens, 0);
  compute_.attention(attended, q, k, v, shape(rows, rope.tokens));
  const Matrix middle = part(tape.middle), product = part(tape.product);
  linear(middle, attended, weights, kO);
  compute_.add(middle, x);
  compute_.rms_norm(part(tape.mlp_input), middle, mlp_norm_, epsilon);
  linear(part(tape.gate), part(tape.mlp_input), weights, kGate);
  linear(part(tape.up), part(tape.mlp_input), weights, kUp);
  compute_.take_rows(product, part(tape.gate), all);
  compute_.activate_multiply(product, part(tape.up), model_.activation);
  linear(out, product, weights, kDown);
  compute_.add(out, middle);
}

void TrainingLayer::linear_backward(const Matrix& dx, bool accumulate, const Matrix& dout, const Matrix& x,
                                    const LayerWeights& weights, const LayerWeights& dweights,
                                    std::size_t which) const {
  if (dx.storage != nullptr) gradients_.product(dx, dout, Plain, weights[which], Plain, accumulate);
  if (dweights[which].storage != nullptr) gradients_.product(dweights[which], dout, Transposed, x, Plain);
}

void TrainingLayer::backward(const Matrix& d, const LayerWeights& weights, const LayerWeights& dweights,
                             const TrainingRope& rope, LayerTape& tape, bool to_input) const {
  const auto epsilon = static_cast<float>(model_.norm_eps);
  const auto part = [&](const Matrix& m) { return m.row_range(0, d.rows); };
  const Matrix dgate = part(tape.dgate), dup = part(tape.dup), dstates = part(tape.dstates);
  const Matrix mlp_input = part(tape.mlp_input), middle = part(tape.middle);
  linear_backward(dgate, false, d, part(tape.product), weights, dweights, kDown);
  gradients_.activate_multiply(dgate, dup, dgate, part(tape.gate), part(tape.up), model_.activation);
  linear_backward(dstates, false, dgate, mlp_input, weights, dweights, kGate);
  linear_backward(dstates, true, dup, mlp_input, weights, dweights, kUp);
  gradients_.rms_norm(dstates, {}, dstates, middle, mlp_norm_, epsilon);
  compute_.add(d, dstates);  // the gradient by `middle`
  attention_backward(d, weights, dweights, rope, tape, to_input);
}

void TrainingLayer::attention_backward(const Matrix& dmiddle, const LayerWeights& weights,
                                       const LayerWeights& dweights, const TrainingRope& rope,
                                       LayerTape& tape, bool to_input) const {
  const auto part = [&](const Matrix& m) { return m.row_range(0, dmiddle.rows); };
  const Matrix dq = part(tape.dq), dk = part(tape.dk), dv = part(tape.dv);
  const Matrix attended = part(tape.attended), dattended = part(tape.dattended);
  linear_backward(dattended, false, dmiddle, attended, weights, dweights, kO);
  gradients_.attention(dq, dk, dv, dattended, attended, part(tape.q), part(tape.k), part(tape.v),
                       shape(dmiddle.rows, rope.tokens));
  for (const Matrix& turned : {dq, dk})
    rope.backward.rotate(compute_, model_, model_.kind(index_).rope, turned, rope.tokens, 0);
  const Matrix input = part(tape.attention_input);
  const Matrix dinput = to_input ? part(tape.dstates) : Matrix{};
  linear_backward(dinput, false, dq, input, weights, dweights, kQ);
  linear_backward(dinput, true, dk, input, weights, dweights, kK);
  linear_backward(dinput, true, dv, input, weights, dweights, kV);
  if (!to_input) return;
  gradients_.rms_norm(dinput, {}, dinput, tape.input, input_norm_, static_cast<float>(model_.norm_eps));
  compute_.add(dmiddle, dinput);
}

}  // namespace presswork::modelkit
