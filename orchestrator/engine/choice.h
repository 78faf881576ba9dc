// Picking the best of several: an instance of a matrix, or an iteration of a loop.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/engine/instance.h"

namespace presswork::engine {

struct Selected {
  std::string chosen;     // the instance's id
  std::size_t among = 0;  // how many fulfilled the constraint
  base::Json value;       // of the objective; null without one
  base::Json inputs;      // {"candidates": {id: value}}: those that fulfilled it
  std::map<std::string, BoundInput> outputs;
  base::Json values;  // {"metrics", "matrix"}
};

// What the selection at `step` picks. Cells in which something that it reads did not succeed are passed over.
// Throws Error{stage_failed} when none fulfils the constraint.
Selected select(const Standing& standing, std::size_t step);

// The scope of the best of these iterations.
std::uint32_t best_iteration(const Standing& standing, const workflow::Loop& loop,
                             const std::vector<std::uint32_t>& iterations);

}  // namespace presswork::engine
