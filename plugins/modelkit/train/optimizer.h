// AdamW over a set of parameters on the device, with the gradient's global norm limited.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/gradients.h"

namespace presswork::modelkit {

struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double largest_norm = 0;  // of all gradients together; longer ones are scaled to it; 0: no limit
};

// One tensor under training, all of one shape. The optimizer reads the gradient and leaves it as it is.
struct TrainedParameter {
  Matrix value, gradient;
  double rate = 0;                // peak learning rate
  double decay = 0;               // of the value, times the rate
  Matrix mean = {}, square = {};  // AdamW's moments; made by Optimizer
};

class Optimizer {
 public:
  // `gradients` and `compute` must outlive it.
  Optimizer(Compute& compute, Gradients& gradients, const OptimizerOptions& options)
      : compute_(compute), gradients_(gradients), options_(options) {}

  void add(TrainedParameter parameter);

  // Moves all parameters, at `factor` of their rates; returns the gradient's norm before it was limited.
  // Throws "not_finite" at `place`, what is trained, when that is NaN or infinity.
  double step(double factor, const std::string& place = "training");

  std::int64_t steps() const { return steps_; }  // that were made
  const std::vector<TrainedParameter>& parameters() const { return parameters_; }

  // Goes on as after `steps` steps; values and moments are the caller's to restore.
  void resume(std::int64_t steps) { steps_ = steps; }

 private:
  Compute& compute_;
  Gradients& gradients_;
  OptimizerOptions options_;
  std::vector<TrainedParameter> parameters_;
  std::int64_t steps_ = 0;
};

}  // namespace presswork::modelkit
