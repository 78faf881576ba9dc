// Who waits for whom.
#pragma once

#include <cstddef>
#include <vector>

#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

// For each node of a scope, by index, the indices of the nodes beside it that it needs; other names are left
// out.
using NeedGraph = std::vector<std::vector<std::size_t>>;
NeedGraph need_graph(const Scope& scope);

// One fault for each knot of nodes that wait for each other.
void check_cycles(const Scope& scope, const NeedGraph& graph, Faults& faults);

// All nodes, needs first, close to the order of the document. The graph must have no cycle.
std::vector<std::size_t> topological_order(const NeedGraph& graph);

}  // namespace presswork::workflow
