#include "plugins/modelkit/quantize/calibration.h"

#include <algorithm>
#include <utility>

namespace presswork::modelkit {

CalibrationLayer::CalibrationLayer(Transformer& model, std::int64_t index, HiddenStates& states,
                                   const StepObserver& step)
    : model_(model), layer_(model.layer(index)), states_(states), step_(step) {}

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
  observe_layer(model_, layer_, states_, observer, [this](std::size_t window) { show_step(window); });
  ++passed_;
}

void CalibrationLayer::finish() {
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
      first_(store.finished()) {
  if (first_ > 0 && first_ < model.layers()) store_.load_states(first_ - 1, states_, model_.compute());
}

void Calibration::run(const Method& method) {
  for (std::int64_t index = first_; index < model_.layers(); ++index) {
    CalibrationLayer layer(model_, index, states_, step_);
    const LayerChange change = method(layer);
    layer.finish();
    store_.save(index, change, states_, model_.compute());
  }
  if (step_) step_(1.0);
}

}  // namespace presswork::modelkit
