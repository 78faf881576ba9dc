// Int8 weights and int8 inputs for one decoder layer, after scales that move the inputs' outliers into the
// weights. Xiao et al. 2022 (SmoothQuant).
#pragma once

#include <set>
#include <string>

#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/grid.h"
#include "plugins/modelkit/quantize/range_observer.h"

namespace presswork::modelkit {

// Fixed: every site takes `alpha`. Search: each takes the one of 0.1, 0.2, ... 0.9, or no scales, with the
// least error of its outputs, weights and inputs rounded, over the sampled tokens.
enum class Smoothing { None, Fixed, Search };

struct W8a8Options {
  QuantizationGrid grid{.bits = 8};  // of the weights
  Int8Inputs inputs = {};            // without a grid: static ones are observed
  RangeObserver observer = {};       // of static grids
  Smoothing smoothing = Smoothing::Search;
  double alpha = 0.5;
  std::set<std::string> targets;  // whole module names; other linears stay
};

// s = max|x|^alpha / max|w|^(1 - alpha) for each input (equation 4 of the paper), at every folding site whose
// linears are all targets; folded as LayerScaling does. Static grids are observed in the folded layer.
//
// Figures of each linear: "weight_error", "output_error" with weights and inputs rounded,
// "rounding_output_error" the same without scales and with the inputs' whole range (relative, over sampled
// tokens), "tokens"; "alpha" where inputs are scaled; "clipped_inputs", the share of the sampled values
// outside a static grid.
LayerChange quantize_layer_w8a8(CalibrationLayer& layer, const W8a8Options& options, ThreadPool& threads);

}  // namespace presswork::modelkit
