// What the names in expressions and edges refer to.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/plugins/stage_description.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::plugins {
class Catalogue;
}

namespace presswork::workflow {

std::vector<std::string> node_ids(const Workflow& workflow);

// The static type of a name. Without a catalogue every metric may be there, with any type. Throws
// Error{invalid_workflow} without a place for a name that refers to nothing.
TypeOf type_of_names(const Workflow& workflow, const plugins::Catalogue* catalogue);

// Checks all expressions: names, operand types, and that conditions and checks are booleans.
void check_expressions(const Workflow& workflow, const plugins::Catalogue* catalogue, Faults& faults);

// Checks that `inputs:` and `after:` name nodes and branches that exist.
void check_edges(const Workflow& workflow, Faults& faults);

}  // namespace presswork::workflow
