// A training as it stands, in one file: what lets a killed process go on with the same result.
#pragma once

#include <filesystem>
#include <vector>

#include "plugins/modelkit/train/optimizer.h"

namespace presswork::modelkit {

// What a step was like.
struct TrainingStep {
  double loss = 0;           // before it
  double factor = 0;         // of the learning rates
  double gradient_norm = 0;  // before it was limited
};

// Values and moments of all parameters, and the steps so far; replaces the file in one go.
void save_training(const std::filesystem::path& path, const Optimizer& optimizer,
                   const std::vector<TrainingStep>& steps, Compute& compute);

// Restores what save_training() kept, into parameters of the same shapes, and returns the steps; nothing when
// there is no file, or a damaged one.
std::vector<TrainingStep> load_training(const std::filesystem::path& path, Optimizer& optimizer,
                                        Compute& compute);

}  // namespace presswork::modelkit
