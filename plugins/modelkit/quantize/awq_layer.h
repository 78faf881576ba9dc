// AWQ on one decoder layer: inputs that are large get finer steps, by a scale that is folded into what makes
// them. Lin et al. 2023, section 3.2.
#pragma once

#include <set>
#include <string>

#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

struct AwqOptions {
  QuantizationGrid grid;
  // Shrinks each group's range to where the error of the output is least, as far as the group alone decides
  // it; queries and keys are left alone (as in AutoAWQ).
  bool clip_search = false;
  std::set<std::string> targets;  // whole module names; other linears stay
};

// s = mean|x|^a / sqrt(max * min), a in {0, 0.05, ..., 0.95}: the one with the least squared error of the
// outputs over all calibration tokens. Folding is exact: a norm's weight is divided first and rounded to its
// stored type, and the scale is what that division came to; where a bias is divided too, scales are powers of
// two. A site is left alone unless all linears that it touches are targets.
//
// Figures of each linear: those of quantize_layer_gptq() but "damp", and "scale_power", the a of its inputs
// (0: not scaled).
LayerChange quantize_layer_awq(CalibrationLayer& layer, const AwqOptions& options, ThreadPool& threads);

}  // namespace presswork::modelkit
