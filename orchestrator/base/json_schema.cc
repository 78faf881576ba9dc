#include "orchestrator/base/json_schema.h"

#include <algorithm>
#include <list>
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

// The schemas last used by this thread, compiled: a thousand stages are of a few kinds. Found by their text,
// because 1 and 1.0 are equal as JSON but not of one type.
const valijson::Schema& compiled(const Json& source) {
  constexpr std::size_t most_kept = 16;
  struct Kept {
    std::string text;
    valijson::Schema schema;
  };
  static thread_local std::list<Kept> kept;
  const std::string text = source.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto found =
      std::find_if(kept.begin(), kept.end(), [&](const Kept& one) { return one.text == text; });
  if (found != kept.end()) {
    kept.splice(kept.begin(), kept, found);
    return kept.front().schema;
  }
  std::list<Kept> made(1);
  compile(source, made.front().schema);
  made.front().text = text;
  if (kept.size() == most_kept) kept.pop_back();
  kept.splice(kept.begin(), made);
  return kept.front().schema;
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

}  // namespace

// valijson judges; explain() finds the words. Where it knows none, valijson's own have to do.
std::vector<SchemaError> validate(const Json& schema, const Json& value) {
  const valijson::Schema* judge = nullptr;
  try {
    judge = &compiled(schema);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, std::string("the JSON Schema cannot be used: ") + error.what());
  }
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(*judge, Adapter(value), &results)) return {};
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
    valijson::Schema none;
    compile(schema, none);
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
