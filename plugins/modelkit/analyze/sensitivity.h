// How much the model suffers when its linears are stored less exactly: all of them, or those of one layer.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
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
  std::function<LinearWeight(const LinearWeight& weight, const std::string& module, ThreadPool& threads)>
      apply;
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

// A linear of a layer, by its relative name, and how far the model's predictions move with it alone stored
// so: the mean Kullback-Leibler divergence from those of the model as it is, in nats, for each coarsening.
struct LinearSensitivity {
  std::int64_t layer = 0;
  std::string module;
  std::vector<double> divergence;
};

// One pass for each linear and coarsening, from its layer on. `known` are taken as they are and come first;
// each new one is shown to `found` as soon as it is measured.
std::vector<LinearSensitivity> measure_linears(
    Transformer& model, const TokenWindows& windows, const std::vector<LinearSensitivity>& known,
    const std::set<std::string>& targets, const std::vector<Coarsening>& coarsenings, ThreadPool& threads,
    const std::function<void(const std::vector<LinearSensitivity>&)>& found, const StepObserver& step = {});

}  // namespace presswork::modelkit
