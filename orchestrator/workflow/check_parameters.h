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

}  // namespace presswork::workflow
