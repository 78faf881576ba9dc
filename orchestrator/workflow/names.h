// What the names in expressions and edges refer to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/plugins/stage_description.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/view.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::plugins {
class Catalogue;
}

namespace presswork::workflow {

// The static type of a name as `reader` sees it (null: the checklist, or a loop's own expressions). Without
// a catalogue every metric may be there, with any type. Throws Error{invalid_workflow} without a place for a
// name that refers to nothing.
TypeOf type_of_names(const View& view, const plugins::Catalogue* catalogue, const Node* reader);

// Checks all expressions: names, operand types, that conditions and checks are booleans, and that loops'
// state keeps its type.
void check_expressions(const Workflow& workflow, const plugins::Catalogue* catalogue, Faults& faults);

// Checks that `inputs:`, `after:` and `from:` name nodes, outputs and branches that exist, as far as that is
// known without the stages' descriptions, and that no name means two things.
void check_edges(const Workflow& workflow, Faults& faults);

// The artifact type of an output as its reader sees it; nothing when it is unknown for a reason that is
// reported elsewhere. Adds a fault when there is no such output.
std::optional<std::string> type_of_output(const View& view, const plugins::Catalogue& catalogue,
                                          const OutputName& output, Faults& faults);

}  // namespace presswork::workflow
