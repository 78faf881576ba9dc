// What a summary says of many instances of one stage, and of the loops and selections that they belong to.
#pragma once

#include <vector>

#include "orchestrator/report/summary.h"

namespace presswork::report {

// The plan's order, each iteration's instances below their outermost loop in the order of the run. Planned
// nodes that the run has not come to are pending.
std::vector<NodeSummary> in_order_of(const engine::Plan& plan, std::vector<NodeSummary> nodes);

// The nodes whose measurements and models stand for the run: not the cells of a matrix and the iterations of
// a loop, of which there are several.
std::vector<const NodeSummary*> single_nodes(const std::vector<NodeSummary>& nodes);

// What a selection chose and what a loop came to. Both pass on what stages made: its metrics and artifacts.
void add_choices(std::vector<NodeSummary>& nodes, const std::string& run, store::Ledger& ledger);

}  // namespace presswork::report
