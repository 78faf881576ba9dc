// How the inputs of linears are distributed while the model runs over a text: what decides how well eight-bit
// activations work, and which columns of the weights matter.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

struct ActivationStatistics {
  std::int64_t tokens = 0;
  double largest = 0;  // of absolute values
  double root_mean_square = 0;
  double kurtosis = 0;                         // about zero: mean(x^4) / mean(x^2)^2
  std::vector<std::int64_t> outlier_channels;  // root mean square over kOutlier times the median channel's

  static constexpr double kOutlier = 6;
};

// Whole module name to its inputs; modules that share an input share its statistics.
std::map<std::string, ActivationStatistics> activation_statistics(Transformer& model,
                                                                  const TokenWindows& windows,
                                                                  const StateLimit& limit,
                                                                  const StepObserver& step = {});

}  // namespace presswork::modelkit
