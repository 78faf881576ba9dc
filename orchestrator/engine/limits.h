// What a run may use at once, and which stages could never be admitted within it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/estimate.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::engine {

struct Limits {
  int cores = 1;
  std::uint64_t memory = 0;  // bytes; 0: no limit
  int gpus = 0;
  std::map<std::string, int> tokens = {};  // what is not named here, there is none of
};

// The errors {cannot_fit} below are for a stage that asks for more than there is, so that it would wait for
// ever. Cores are no ground: with fewer than it asks for, a stage runs on those that there are.

// By what the workflow says, the bodies of loops included: one for each stage.
std::vector<base::Error> misfits(const workflow::Scope& scope, const Limits& limits);

// By what the stage itself expects. `who` begins the sentence: "it", "stage a".
std::optional<base::Error> misfit(const std::string& who, const Estimate& estimate, const Limits& limits);

}  // namespace presswork::engine
