// Values that the command line puts in place of those in the document.
#pragma once

#include <map>
#include <string>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

// "quantize.with.bits" -> "4": the parameter of a stage, also of one in a loop's body; deeper keys reach into
// objects. A text with "${{" is an expression.
using Overrides = std::map<std::string, std::string>;

// Changes the stages' parameters, before check(). Each text is read as the stage's schema wants it. Throws
// Error{usage} for a path that is none, with a suggestion.
void apply(const Overrides& overrides, Workflow& workflow, const plugins::Catalogue& catalogue);

// Makes errors that apply() or check() have found in such values Error{usage} that name the option.
void blame_overrides(base::Error& error);

}  // namespace presswork::workflow
