// Checking a JSON value against a JSON Schema (draft-07), with errors that a person can act on.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/base/json.h"

namespace presswork::base {

struct SchemaError {
  std::string pointer;  // JSON pointer to the value at fault; "" is the whole value
  std::string kind;     // the schema keyword broken: "type", "required", "additionalProperties", "enum", …
  std::string message;  // "must be a number, not the text \"four\""
  std::string key;      // additionalProperties: the unknown key; required: the missing one; else ""
  // additionalProperties: the keys allowed there; enum: the values allowed, as JSON text; type: the types.
  std::vector<std::string> allowed;
};

// All errors, in document order; empty when `value` is valid. Throws Error{internal} when `schema` itself is
// no usable schema.
std::vector<SchemaError> validate(const Json& schema, const Json& value);

// What is wrong with the schema itself: one line, or "" when it can be used.
std::string schema_defect(const Json& schema);

// `value` with the `default` of every absent property of an object filled in, through nested objects that are
// present. Does not validate.
Json fill_defaults(const Json& schema, Json value);

}  // namespace presswork::base
