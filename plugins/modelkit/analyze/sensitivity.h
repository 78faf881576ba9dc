// How much the model suffers when its linears are stored less exactly: all of them, or those of one layer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

// A way of storing weights less exactly.
struct Coarsening {
  std::string name;  // "int8", "int4", "int3", "sparse50", "2:4"
  LinearWeight (*apply)(const LinearWeight& weight, const std::string& module, ThreadPool& threads);
};

// int8 by rows; int4 and int3 in groups of 32 with zero points (by rows where 32 does not divide the inputs);
// the smallest half of each row, and of each four, removed.
const std::vector<Coarsening>& coarsenings();

// ||W - W'|| / ||W|| of one linear.
double weight_error(const LinearWeight& weight, const LinearWeight& coarse);

struct Sensitivity {
  std::string name;            // of the coarsening
  double loss_percent = 0;     // rise of the perplexity with every linear stored so
  std::vector<double> layers;  // the same with the linears of one layer only
};

// Measures the perplexity of `windows` once for the model as it is, and for each coarsening once for the
// whole model and once for each layer: (layers + 1) passes each. Layers before the changed one are not run
// again.
std::vector<Sensitivity> measure_sensitivity(Transformer& model, const TokenWindows& windows,
                                             ThreadPool& threads, const StepObserver& step = {});

}  // namespace presswork::modelkit
