// The values of parameters: which are allowed, and what a text on the command line stands for.
#pragma once

#include <string>
#include <string_view>

#include "orchestrator/base/json.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

std::string_view to_string(ParamType type);
Type expression_type(ParamType type);

// The JSON Schema of its values: its type and its further keywords.
base::Json value_schema(const Param& param);

// "must be at least 1, not 0", or "" when the value is allowed.
std::string value_fault(const Param& param, const base::Json& value);

// A text as the parameter's type, where it can be read so; else the text itself.
base::Json read_value(const Param& param, const std::string& text);

// A text as a JSON value of the type that `schema` (of one stage parameter) asks for: it stays text where a
// string is allowed and the text is no JSON of another allowed type; everything else is read as JSON.
base::Json read_value(const base::Json& schema, const std::string& text);

}  // namespace presswork::workflow
