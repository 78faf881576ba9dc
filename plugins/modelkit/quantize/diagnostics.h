// What tells how the quantization of a linear went, beside its errors: the same figures for all methods.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/quantize/input_samples.h"

namespace presswork::modelkit {

using Figures = std::map<std::string, double>;

// Groups of weights that hold no information: their scale is 0 or subnormal, or all of their integers are
// equal.
std::int64_t count_dead_scales(const GroupedIntWeight& weight);

// Integers at an end of the grid whose weight lies more than half a step beyond it. `values` are the weights
// of whole rows from row `first` on, as they were rounded.
std::int64_t count_clipped(std::span<const float> values, std::int64_t first, const LinearWeight& rounded);

// "dead_scales" and "clipped_weights" (a share of all weights).
void add_integer_figures(Figures& figures, const LinearWeight& rounded, std::int64_t clipped);

// An input is an outlier when its RMS over the calibration tokens is more than so many times the median
// input's.
constexpr double kOutlier = 6.0;

// "outlier_inputs" (how many) and "largest_input" (the largest RMS, in medians; 0 when the median is 0), from
// the mean square of each input.
void add_input_figures(Figures& figures, std::vector<double> mean_squares);

std::vector<double> mean_squares(const InputSample& sample);  // over the tokens taken

}  // namespace presswork::modelkit
