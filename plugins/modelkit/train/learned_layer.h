// The linears of one decoder layer under quantization-aware training.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/train/learned_weight.h"
#include "plugins/modelkit/train/training_layer.h"

namespace presswork::modelkit {

class LearnedLayer {
 public:
  // `start` holds the integers that training starts from; linears that are not in it stay as the model has
  // them. `weights`, by module: see LearnedWeight; may lack any.
  LearnedLayer(Compute& compute, Gradients& gradients, const ModelSource& source, const TrainingLayer& layer,
               const std::map<std::string, LinearWeight>& start, DType scale_dtype, Learned learned,
               const std::map<std::string, std::vector<float>>& weights = {});

  // The values that the linears have now, written to `room` where they are trained.
  LayerWeights quantize(const LayerWeights& room);

  // Of `room`, what is to be filled with the gradients by these values before take_gradients().
  LayerWeights wanted(const LayerWeights& room) const;
  void take_gradients(const LayerWeights& dweights);

  // `dweights`: what take_gradients() will get.
  void add_to(Optimizer& optimizer, const LayerWeights& dweights, const LearningRates& rates) const;

  std::map<std::string, LinearWeight> result();  // by module, of those in `start`

 private:
  std::array<std::string, kLayerLinears> modules_;
  std::array<std::unique_ptr<LearnedWeight>, kLayerLinears> learned_;  // null: the linear stays
  LayerWeights plain_;                                                 // of those that stay
};

}  // namespace presswork::modelkit
