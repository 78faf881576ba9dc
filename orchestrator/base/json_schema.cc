#include "orchestrator/base/json_schema.h"

#include <memory>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "orchestrator/base/error.h"
#include "orchestrator/base/schema_explanation.h"

namespace presswork::base {

namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

void compile(const Json& source, valijson::Schema& schema) {
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(Adapter(source), schema);
}

// "<root>", "[stages]", "[0]" → "/stages/0".
std::string pointer_of(const std::vector<std::string>& context) {
  std::string pointer;
  for (std::size_t i = 1; i < context.size(); ++i) {
    const std::string& part = context[i];
    pointer += "/" + (part.size() >= 2 && part.front() == '[' ? part.substr(1, part.size() - 2) : part);
  }
  return pointer;
}

// The last schema is kept compiled: a matrix checks thousands of values against the same one.
const valijson::Schema& compiled_form(const Json& schema) {
  thread_local Json source;
  thread_local std::unique_ptr<valijson::Schema> compiled;
  if (compiled && source == schema) return *compiled;
  auto fresh = std::make_unique<valijson::Schema>();
  try {
    compile(schema, *fresh);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, std::string("the JSON Schema cannot be used: ") + error.what());
  }
  source = schema;
  compiled = std::move(fresh);
  return *compiled;
}

}  // namespace

// valijson judges; explain() finds the words. Where it knows none, valijson's own have to do.
std::vector<SchemaError> validate(const Json& schema, const Json& value) {
  const valijson::Schema& compiled = compiled_form(schema);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(compiled, Adapter(value), &results)) return {};
  std::vector<SchemaError> errors = explain(schema, value);
  if (!errors.empty()) return errors;
  valijson::ValidationResults::Error last;
  std::string message = "is not valid here";
  std::string pointer;
  if (results.popError(last)) {
    message = last.description;
    pointer = pointer_of(last.context);
  }
  return {{pointer, "schema", message, "", {}}};
}

std::string schema_defect(const Json& schema) {
  try {
    valijson::Schema compiled;
    compile(schema, compiled);
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

Json fill_defaults(const Json& schema, Json value) {
  if (!schema.is_object() || !value.is_object()) return value;
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object()) return value;
  for (const auto& [name, property] : properties->items()) {
    if (!property.is_object()) continue;
    if (value.contains(name)) {
      value[name] = fill_defaults(property, std::move(value[name]));
    } else if (property.contains("default")) {
      value[name] = property["default"];
    }
  }
  return value;
}

}  // namespace presswork::base
