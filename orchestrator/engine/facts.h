// Reading a run back from the ledger.
#pragma once

#include <string>

#include "orchestrator/engine/instance.h"

namespace presswork::engine {

// The state of every node of the plan as the ledger has it; pending where it has nothing.
Instances read_instances(const Plan& plan, store::Ledger& ledger, const std::string& run);

// All nodes that `node` needs, directly or not, in plan order, by id.
std::vector<std::string> ancestors(const Plan& plan, std::size_t node);

}  // namespace presswork::engine
