// The document against schemas/workflow.schema.json, and schema errors in words.
#pragma once

#include <string_view>

#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow {

// The text of schemas/workflow.schema.json, built into the program.
std::string_view schema_text();

// Whether the document can be read all the same: nothing was found but keys that are not known.
bool check_schema(const Document& document, Faults& faults);

}  // namespace presswork::workflow
