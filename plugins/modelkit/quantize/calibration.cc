#include "plugins/modelkit/quantize/calibration.h"

#include <algorithm>
#include <span>
#include <utility>

#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {
namespace {

// The states of the first windows; all blocks are read, so that it does not matter how many are in memory.
std::vector<float> first_windows(HiddenStates& states, Compute& compute) {
  const std::size_t size = states.tokens() * states.width();
  std::vector<float> values(std::min(CalibrationLayer::kCompared, states.windows()) * size);
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    for (std::size_t w = first; w < first + count && w * size < values.size(); ++w) {
      compute.read(block.row_range((w - first) * states.tokens(), states.tokens()),
                   std::span(values).subspan(w * size, size));
    }
  });
  return values;
}

double relative_difference(const std::vector<float>& changed, const std::vector<float>& original) {
  QuantizationError error;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const double value = original[i], difference = changed[i] - value;
    error.squared_norm += value * value;
    error.squared_error += difference * difference;
  }
  return error.relative();
}

}  // namespace

CalibrationLayer::CalibrationLayer(Transformer& model, std::int64_t index, HiddenStates& states,
                                   const StepObserver& step, PhaseTimes& times)
    : model_(model), layer_(model.layer(index)), states_(states), step_(step), times_(times) {}

std::string CalibrationLayer::whole_name(std::string_view relative) const {
  return layer_prefix(model_.config(), index()) + "." + std::string(relative);
}

LinearWeight CalibrationLayer::weight(std::string_view module) const {
  return model_.source().linear(whole_name(module));
}

void CalibrationLayer::show_step(std::size_t window) const {
  if (!step_) return;
  const double within = static_cast<double>(window) / static_cast<double>(states_.windows());
  const double layer = std::min(1.0, (static_cast<double>(passed_) + within) / static_cast<double>(passes_));
  step_((static_cast<double>(index()) + layer) / static_cast<double>(model_.layers()));
}

void CalibrationLayer::observe(const LinearObserver& observer) {
  const PhaseTimes::Scope timed(times_, "passes");
  observe_layer(model_, layer_, states_, observer, [this](std::size_t window) { show_step(window); });
  ++passed_;
}

std::vector<float> CalibrationLayer::outputs() {
  const PhaseTimes::Scope timed(times_, "passes");
  std::vector<float> values = first_windows(states_, compute());
  const std::size_t size = states_.tokens() * states_.width();
  const Matrix window = compute().allocate(states_.tokens(), states_.width());
  for (std::size_t at = 0; at < values.size(); at += size) {
    compute().write(window, std::span(values).subspan(at, size));
    layer_.forward(window, states_.tokens(), model_.rope());
    compute().read(window, std::span(values).subspan(at, size));
  }
  return values;
}

void CalibrationLayer::finish() {
  const PhaseTimes::Scope timed(times_, "passes");
  states_.each([&](const Matrix& block, std::size_t first, std::size_t) {
    show_step(first);
    layer_.forward(block, states_.tokens(), model_.rope());
  });
}

Calibration::Calibration(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                         LayerStore& store, StepObserver step)
    : model_(model),
      store_(store),
      step_(std::move(step)),
      // Also when the states come from the store: it makes the rope of this length.
      states_(embed_windows(model, windows, limit)),
      first_(store.finished(model.layers())) {
  if (first_ > 0 && first_ < model.layers()) store_.load_states(first_ - 1, states_, model_.compute());
}

void Calibration::run(const Method& method) {
  for (std::int64_t index = first_; index < model_.layers(); ++index) {
    CalibrationLayer layer(model_, index, states_, step_, times_);
    const std::vector<float> original = layer.outputs();
    LayerChange change = method(layer);
    if (index + 1 == model_.layers()) {
      change.output_error = relative_difference(layer.outputs(), original);
      const PhaseTimes::Scope timed(times_, "keeping");
      store_.save_last(index, change);
    } else {
      layer.finish();
      change.output_error = relative_difference(first_windows(states_, model_.compute()), original);
      const PhaseTimes::Scope timed(times_, "keeping");
      store_.save(index, change, states_, model_.compute());
    }
  }
  if (step_) step_(1.0);
}

}  // namespace presswork::modelkit
