// Trains the scales of a quantized model's linears end to end, through all layers and the head, under
// integers that stay: E2E-QP of EfficientQAT (Chen et al. 2024, section 3.3). Holds all layers' integers, at
// 4 bytes a weight, and of the states those of one batch before each layer, since a layer's activations are
// made anew in the backward pass (Chen et al. 2016).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/quantize/layer_store.h"
#include "plugins/modelkit/train/batches.h"
#include "plugins/modelkit/train/learned_layer.h"
#include "plugins/modelkit/train/logit_loss.h"
#include "plugins/modelkit/train/training_file.h"

namespace presswork::modelkit {

enum class Objective { Distillation, Data };

struct ModelTrainingOptions {
  Objective objective = Objective::Distillation;
  std::int64_t epochs = 1;
  std::size_t batch = 4;  // windows
  double warmup = 0.1;    // share of the steps
  double rate = 0.005;    // peak learning rate of scales, see LearningRates
  OptimizerOptions optimizer = {};
  std::uint64_t seed = 0;
  DType scale_dtype = DType::F32;
  std::int64_t checkpoint_steps = 16;  // from one file of the state to the next
};

class ModelTraining {
 public:
  // Starts from the layers in `start`. The state is kept in `file`, and taken from there. All arguments must
  // outlive it.
  ModelTraining(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                const LayerStore& start, const ModelTrainingOptions& options, std::filesystem::path file);

  // Beside the states of the model as it was.
  static std::uint64_t predicted_bytes(const ModelSource& model, const ModelTrainingOptions& options,
                                       std::size_t tokens);

  // Makes the steps that the file does not hold yet; `share` hears what is done and may throw to end the
  // work.
  void run(const StepObserver& share);

  std::int64_t resumed() const { return resumed_; }                  // steps that were in the file
  const std::vector<TrainingStep>& steps() const { return steps_; }  // all, also those

  std::map<std::string, LinearWeight> result(std::int64_t layer) {
    return layers_.at(static_cast<std::size_t>(layer)).learned->result();
  }

 private:
  struct Layer {
    std::unique_ptr<TrainingLayer> one;
    std::unique_ptr<LearnedLayer> learned;
  };
  // The loss of a batch; its gradients go to the layers. Without targets: of the next tokens.
  double gradients_of(const std::vector<std::size_t>& windows, LogitLoss& loss, HiddenStates* targets);

  Transformer& model_;
  const TokenWindows& windows_;
  const StateLimit limit_;
  const ModelTrainingOptions options_;
  std::filesystem::path file_;
  std::unique_ptr<Gradients> gradients_;
  Optimizer optimizer_;
  Batches batches_;
  TrainingRope rope_;
  LayerTape tape_;
  LayerWeights weights_, dweights_;  // of one layer, which takes its gradients at once
  std::vector<Layer> layers_;
  std::vector<Matrix> states_;  // [batch * tokens, C] before each layer, and behind the last one
  Matrix targets_room_;
  std::vector<std::int32_t> next_tokens_;
  std::vector<TrainingStep> steps_;
  std::int64_t resumed_ = 0;
};

}  // namespace presswork::modelkit
