// The parameters that a workflow gives a stage, against the stage's JSON Schema.
#pragma once

#include "orchestrator/plugins/stage_description.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/view.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::plugins {
class Catalogue;
}

namespace presswork::workflow {

// Literal values fully; of ${{ … }} the type alone.
void check_parameters(const View& view, const plugins::Catalogue& catalogue, const Node& node,
                      const plugins::StageDescription& description, Faults& faults);

// What `with` comes to in each of the cells, where it reads nothing but params and matrix. Of several cells
// with the same fault, the first is shown.
void check_parameter_values(const Stage& stage, const plugins::StageDescription& description,
                            const base::Json& params, const std::vector<base::Json>& cells, Faults& faults);

}  // namespace presswork::workflow
