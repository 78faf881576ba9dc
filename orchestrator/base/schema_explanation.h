// Why a JSON value breaks a JSON Schema (draft-07), in words for the person who wrote the value.
#pragma once

#include <vector>

#include "orchestrator/base/json_schema.h"

namespace presswork::base {

// All reasons, in document order. Understands the keywords that our schemas use; `$ref` only inside `schema`.
// Keywords that it does not know count as met, so that an empty result proves nothing.
std::vector<SchemaError> explain(const Json& schema, const Json& value);

}  // namespace presswork::base
