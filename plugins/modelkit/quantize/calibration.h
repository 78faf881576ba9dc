// The calibration windows pass through a model one decoder layer at a time: a method observes what goes into
// each linear of the layer, changes the layer, and the states that enter the next one are computed with the
// changed weights. Memory is bounded by one layer, what the method holds, and the states.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/model/transformer.h"
#include "plugins/modelkit/quantize/layer_store.h"
#include "plugins/modelkit/quantize/phase_times.h"

namespace presswork::modelkit {

// One layer with the windows before it.
class CalibrationLayer {
 public:
  static constexpr std::size_t kCompared = 4;

  std::int64_t index() const { return layer_.index(); }
  const ModelSource& model() const { return model_.source(); }
  Compute& compute() const { return model_.compute(); }
  std::uint64_t bytes() const { return layer_.bytes(); }  // of its linears, as they are held
  std::size_t tokens() const { return states_.windows() * states_.tokens(); }
  HiddenStates& states() { return states_; }  // that enter the layer
  // Of a linear or tensor of the layer: "model.layers.3.mlp.up_proj".
  std::string whole_name(std::string_view relative) const;

  // A linear as the model has it, whatever replace() did.
  LinearWeight weight(std::string_view module) const;

  // Sends all windows through the layer as it is now, one at a time, and lets them hear the inputs; the
  // states stay those before the layer.
  void observe(const LinearObserver& observer);

  // Gives a linear another weight of the same shape, for what follows.
  void replace(std::string_view module, const LinearWeight& weight) { layer_.replace(module, weight); }

  // The same for norms and biases, see DecoderLayer.
  void replace_values(std::string_view tensor, const std::vector<float>& values) {
    layer_.replace_values(tensor, values);
  }

  // What the layer as it is makes of the first kCompared windows: [windows * tokens, width].
  std::vector<float> outputs();

  // A method says here what it spends its time on; passes are counted already.
  PhaseTimes& times() { return times_; }

  // How many times observe() will be called: for the progress only.
  void expect_passes(std::size_t count) { passes_ = count + 1; }

 private:
  friend class Calibration;
  CalibrationLayer(Transformer& model, std::int64_t index, HiddenStates& states, const StepObserver& step,
                   PhaseTimes& times);
  void finish();  // the states become those behind the layer
  void show_step(std::size_t window) const;

  Transformer& model_;
  DecoderLayer layer_;
  HiddenStates& states_;
  const StepObserver& step_;
  PhaseTimes& times_;
  std::size_t passes_ = 2, passed_ = 0;
};

class Calibration {
 public:
  // Changes a layer: calls replace() for what the following layers shall see, and returns what is to be kept.
  using Method = std::function<LayerChange(CalibrationLayer&)>;

  // All arguments must outlive it. `step` hears the share that is done and may throw to end the work.
  Calibration(Transformer& model, const TokenWindows& windows, const StateLimit& limit, LayerStore& store,
              StepObserver step);

  // Layers that were in the store already.
  std::int64_t resumed() const { return first_; }

  // Does what is missing in the store; layer by layer, each one kept as soon as it is done. A layer's output
  // error is ||Y' - Y|| / ||Y||: Y and Y' are what the original and the changed layer make of the same
  // states, those of the first windows behind the changed layers before. What leaves the last layer nobody
  // needs, and it is not computed.
  void run(const Method& method);

  PhaseTimes& times() { return times_; }

 private:
  Transformer& model_;
  LayerStore& store_;
  StepObserver step_;
  PhaseTimes times_;
  HiddenStates states_;
  std::int64_t first_ = 0;
};

}  // namespace presswork::modelkit
