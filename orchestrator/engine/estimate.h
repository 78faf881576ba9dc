// What a stage is expected to take, before it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/engine/graph.h"

namespace presswork::engine {

struct Estimate {
  std::optional<double> seconds;
  std::optional<std::uint64_t> memory_bytes;  // resident, at most
  std::optional<std::uint64_t> disk_bytes;    // of outputs and scratch
  std::optional<int> cores;
  std::vector<std::string> notes;  // what it will do, in its own words
  std::string problem;             // why it cannot: its plan() failed
};

// What a stage's plan() said. What is no sensible number is left out: an estimate is advice.
Estimate estimate_from(const base::Json& document);

// Whether to ask the stage's plan(): it has one, and the workflow does not say the memory itself.
bool wants_estimate(const Step& step);

}  // namespace presswork::engine
