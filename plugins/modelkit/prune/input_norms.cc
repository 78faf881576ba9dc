#include "plugins/modelkit/prune/input_norms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace presswork::modelkit {
namespace {

constexpr std::size_t kWindowsTogether = 8;

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

// Runs the layer on copies, so that the states stay its input.
InputNorms norms_of(Transformer& model, HiddenStates& states, DecoderLayer& layer) {
  Compute& compute = model.compute();
  const std::size_t tokens = states.tokens();
  const std::size_t together = std::min(kWindowsTogether, states.windows());
  const Matrix copy = compute.allocate(together * tokens, static_cast<std::size_t>(model.config().hidden));
  std::vector<std::size_t> rows(together * tokens);
  InputNorms norms;
  states.read([&](const Matrix& block, std::size_t, std::size_t count) {
    for (std::size_t first = 0; first < count; first += together) {
      const std::size_t part = std::min(together, count - first) * tokens;
      std::iota(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(part), first * tokens);
      const Matrix some = copy.row_range(0, part);
      compute.take_rows(some, block, std::span(rows).first(part));
      layer.forward(some, tokens, model.rope(),
                    [&](std::span<const std::string_view> modules, const Matrix& input) {
                      add_squares(compute, modules, input, norms);
                    });
    }
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
  HiddenStates states(model.compute(), windows.count(), tokens,
                      static_cast<std::size_t>(model.config().hidden), limit);
  states.each(
      [&](const Matrix& block, std::size_t first, std::size_t count) {
        model.embed(block, windows.ids().subspan(first * tokens, count * tokens), tokens);
      },
      true);
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
