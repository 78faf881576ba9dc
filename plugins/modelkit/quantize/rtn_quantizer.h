// Round to nearest: each group of weights gets a scale from its own range, nothing else is looked at.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

struct RtnResult {
  LinearWeight weight;  // a GroupedIntWeight
  QuantizationError error;
  std::int64_t clipped = 0;  // weights beyond the grid, see count_clipped()
};

// What shares a scale: a group of a row's inputs (or the row, as the grid says), or the whole weight, whose
// rows then have equal scales.
enum class Sharing { Group, Tensor };

// The grid's scales and the nearest levels, float32 throughout; ties to even. Throws "not_finite" naming
// `module`, row and column. Independent of the number of threads.
RtnResult quantize_rtn(const LinearWeight& weight, const QuantizationGrid& grid, const std::string& module,
                       ThreadPool& threads, Sharing sharing = Sharing::Group);

}  // namespace presswork::modelkit
