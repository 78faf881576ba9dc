#include "plugins/modelkit/prune/input_norms.h"

#include <cmath>

namespace presswork::modelkit {
namespace {

void add_squares(Compute& compute, std::span<const std::string_view> modules, const Matrix& input,
                 InputNorms& sums) {
  std::vector<float> values(input.rows * input.cols);
  compute.read(input, values);
  std::vector<double> squares(input.cols, 0.0);
  for (std::size_t row = 0; row < input.rows; ++row) {
    const float* x = values.data() + row * input.cols;
    for (std::size_t j = 0; j < input.cols; ++j) squares[j] += static_cast<double>(x[j]) * x[j];
  }
  for (const std::string_view module : modules) {
    auto& sum = sums.try_emplace(std::string(module), input.cols, 0.0).first->second;
    for (std::size_t j = 0; j < input.cols; ++j) sum[j] += squares[j];
  }
}

InputNorms norms_of(Transformer& model, HiddenStates& states, DecoderLayer& layer) {
  InputNorms norms;
  observe_layer(model, layer, states, [&](std::span<const std::string_view> modules, const Matrix& input) {
    add_squares(model.compute(), modules, input, norms);
  });
  for (auto& [module, sums] : norms) {
    for (double& sum : sums) sum = std::sqrt(sum);
  }
  return norms;
}

}  // namespace

void each_layer_with_norms(
    Transformer& model, const TokenWindows& windows, const StateLimit& limit,
    const std::function<void(std::int64_t, const InputNorms&, DecoderLayer&)>& change) {
  const std::size_t tokens = windows.length();
  HiddenStates states = embed_windows(model, windows, limit);
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    DecoderLayer layer = model.layer(i);
    const InputNorms norms = norms_of(model, states, layer);
    change(i, norms, layer);
    if (i + 1 == model.layers()) return;
    states.each(
        [&](const Matrix& block, std::size_t, std::size_t) { layer.forward(block, tokens, model.rope()); });
  }
}

}  // namespace presswork::modelkit
