// GPTQ on one decoder layer: Hessians from the calibration windows, then each linear in its turn.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/gptq_quantizer.h"

namespace presswork::modelkit {

struct GptqLayerOptions {
  GptqOptions gptq;
  bool true_sequential =
      false;  // later linears of a layer see the inputs that the quantized earlier ones make
  std::set<std::string> targets;         // whole module names; other linears stay
  std::map<std::string, int> bits = {};  // of those that have others than the grid, by whole name
};

// Figures of each linear: "weight_error" and "rounding_error", that of rounding to nearest on the same grid,
// "output_error" and "rounding_output_error" (relative), "damp", "tokens"; and those of diagnostics.h.
// `unrounded`, if any, gets what the integers of each linear were rounded from, see GptqSolver::quantize().
LayerChange quantize_layer_gptq(CalibrationLayer& layer, const GptqLayerOptions& options, ThreadPool& threads,
                                std::map<std::string, std::vector<float>>* unrounded = nullptr);

}  // namespace presswork::modelkit
