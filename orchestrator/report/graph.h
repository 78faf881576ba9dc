// Drawings of a workflow: stages as boxes, decisions as diamonds. Solid edges carry artifacts or lead out of
// a decision, with the name of the output or branch; dashed edges carry metrics or only order.
#pragma once

#include <string>

#include "orchestrator/workflow/workflow.h"

namespace presswork::report {

std::string to_mermaid(const workflow::Workflow& workflow);  // a "flowchart TD"
std::string to_dot(const workflow::Workflow& workflow);      // for Graphviz

}  // namespace presswork::report
