// The layers that a calibrated method has finished, each a file: what lets a stage that was killed go on with
// the layer in which it died, and what its result is written from in the end.
#pragma once

#include <cstdint>
#include <filesystem>

#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/quantize/layer_change.h"

namespace presswork::modelkit {

class LayerStore {
 public:
  // `folder` is created; it must belong to this very work (the same model, parameters and calibration set).
  explicit LayerStore(std::filesystem::path folder);

  // Layers [0, n) that are there, with the states that leave the last of them, or all `layers` of the model;
  // 0 when nothing is. Files that are damaged count as absent.
  std::int64_t finished(std::int64_t layers) const;

  // Keeps layer `index` and the states that leave it; both or, when the process dies, neither.
  void save(std::int64_t index, const LayerChange& change, HiddenStates& states, Compute& compute);

  // Keeps the model's last layer, with which the states before it have had their use.
  void save_last(std::int64_t index, const LayerChange& change);

  // Keeps layer `index` alone: without states it does not count as finished.
  void save(std::int64_t index, const LayerChange& change);

  LayerChange load(std::int64_t index) const;
  void load_states(std::int64_t index, HiddenStates& states, Compute& compute) const;

 private:
  std::filesystem::path layer_path(std::int64_t index) const;
  std::filesystem::path states_path(std::int64_t index) const;

  std::filesystem::path folder_;
};

}  // namespace presswork::modelkit
