// Trains one decoder layer after another to give, from what the layers before it make when quantized, what it
// gives in the model as it was: Block-AP of EfficientQAT (Chen et al. 2024, section 3.2). Weights and scales
// are trained through the rounding (learned_weight.h). Memory is bounded by one layer, with its gradients and
// moments, and two sets of states.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/train/batches.h"
#include "plugins/modelkit/train/learned_layer.h"

namespace presswork::modelkit {

struct BlockTrainingOptions {
  std::int64_t epochs = 4;  // 0: layers stay as they are started
  std::size_t batch = 2;    // windows
  double warmup = 0.1;      // share of the steps
  LearningRates rates = {};
  OptimizerOptions optimizer = {};
  std::uint64_t seed = 0;
  DType scale_dtype = DType::F32;
};

class BlockTraining {
 public:
  // What a layer's training starts from, by module: integers, and the weights that these were rounded from,
  // which are trained. (Not the integers' own values: a weight on a level gives its step size no gradient,
  // and of the little that is left AdamW makes steps of full length.)
  struct Beginning {
    LayerChange change;
    std::map<std::string, std::vector<float>> weights;
  };
  using Start = std::function<Beginning(CalibrationLayer&)>;  // may observe the layer

  // All arguments must outlive it. `windows` and `limit` are those of the calibration. `share` hears which
  // part of a layer's training is done and may throw to end the work.
  BlockTraining(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                const BlockTrainingOptions& options, Start start, StepObserver share);

  // A method of Calibration, whose layers must come in order. Figures of the layer: "output_error_before" and
  // "output_error", the root of the mean over all tokens of ||y - y'||^2 / ||y||^2, y as the model was. A
  // layer that training does not bring nearer to that keeps what it started from.
  LayerChange train(CalibrationLayer& layer);

 private:
  // The states that enter layer `index` of the model as it was become those behind it.
  void advance(std::int64_t index, PhaseTimes& times);
  void train_steps(CalibrationLayer& layer, LearnedLayer& learned, const TrainingLayer& one);
  // The loss and, in `d`, its gradient by `out`, for the windows of a batch.
  double loss(const Matrix& d, const Matrix& out, const std::vector<std::size_t>& windows);
  double mean_error(CalibrationLayer& layer, const TrainingLayer& one, const LayerWeights& weights);

  Transformer& model_;
  const BlockTrainingOptions options_;
  Start start_;
  StepObserver share_;
  std::unique_ptr<Gradients> gradients_;
  HiddenStates target_;  // of the model as it was, behind layer `passed_` - 1
  std::int64_t passed_ = 0;
  TrainingRope rope_;
  LayerTape tape_;
  LayerWeights weights_, dweights_;
  Matrix input_, output_, wanted_, gradient_;  // [batch * tokens, C]
};

}  // namespace presswork::modelkit
