#include "orchestrator/workflow/param_value.h"

#include "orchestrator/base/json_schema.h"
#include "orchestrator/workflow/scalar.h"

namespace presswork::workflow {

std::string_view to_string(ParamType type) {
  switch (type) {
    case ParamType::string:
      return "string";
    case ParamType::path:
      return "path";
    case ParamType::integer:
      return "integer";
    case ParamType::number:
      return "number";
    case ParamType::boolean:
      return "boolean";
    case ParamType::list:
      return "list";
  }
  return "string";
}

Type expression_type(ParamType type) {
  switch (type) {
    case ParamType::string:
    case ParamType::path:
      return Type::string;
    case ParamType::integer:
      return Type::integer;
    case ParamType::number:
      return Type::number;
    case ParamType::boolean:
      return Type::boolean;
    case ParamType::list:
      return Type::list;
  }
  return Type::any;
}

base::Json value_schema(const Param& param) {
  base::Json schema = param.schema.is_object() ? param.schema : base::Json::object();
  const std::string type(to_string(param.type));
  schema["type"] = type == "path" ? "string" : type == "list" ? "array" : type;
  return schema;
}

std::string value_fault(const Param& param, const base::Json& value) {
  const auto errors = base::validate(value_schema(param), value);
  if (!errors.empty()) return errors.front().message;
  if (param.type == ParamType::path && value.get_ref<const std::string&>().empty())
    return "must not be empty";
  return {};
}

namespace {

// "[4, 8]" as JSON, or "4,8" item by item.
base::Json read_list(const std::string& text) {
  if (text.starts_with('[')) {
    base::Json list = base::Json::parse(text, nullptr, false);
    return list.is_array() ? list : base::Json(text);
  }
  base::Json list = base::Json::array();
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string item = text.substr(at, comma - at);
    item.erase(0, item.find_first_not_of(' '));
    item.erase(item.find_last_not_of(' ') + 1);
    Scalar scalar = core_scalar(item);
    if (!scalar.fault.empty() || scalar.value.is_null()) return text;
    list.push_back(std::move(scalar.value));
    at = comma + 1;
  }
  return list;
}

bool allows(const base::Json& schema, const char* type) {
  if (!schema.is_object()) return false;
  const auto it = schema.find("type");
  if (it != schema.end()) {
    if (it->is_string()) return *it == type || (*it == "number" && std::string_view(type) == "integer");
    if (it->is_array()) return std::find(it->begin(), it->end(), base::Json(type)) != it->end();
  }
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const auto options = schema.find(keyword);
    if (options == schema.end() || !options->is_array()) continue;
    for (const base::Json& option : *options) {
      if (allows(option, type)) return true;
    }
  }
  const auto choices = schema.find("enum");
  if (it == schema.end() && choices != schema.end() && choices->is_array() &&
      std::string_view(type) == "string") {
    return std::any_of(choices->begin(), choices->end(),
                       [](const base::Json& choice) { return choice.is_string(); });
  }
  return false;
}

bool allowed(const base::Json& schema, const base::Json& value) {
  if (value.is_number_integer()) return allows(schema, "integer") || allows(schema, "number");
  if (value.is_number()) return allows(schema, "number");
  return allows(schema, value.is_boolean() ? "boolean" : value.type_name());
}

}  // namespace

base::Json read_value(const Param& param, const std::string& text) {
  switch (param.type) {
    case ParamType::string:
    case ParamType::path:
      return text;
    case ParamType::list:
      return read_list(text);
    case ParamType::integer:
    case ParamType::number:
    case ParamType::boolean:
      break;
  }
  Scalar scalar = core_scalar(text);
  const bool right = param.type == ParamType::boolean ? scalar.value.is_boolean() : scalar.value.is_number();
  return right ? std::move(scalar.value) : base::Json(text);
}

base::Json read_value(const base::Json& schema, const std::string& text) {
  const base::Json value = base::Json::parse(text, nullptr, false);
  const bool readable = !value.is_discarded() && !value.is_string();
  if (allows(schema, "string")) return readable && allowed(schema, value) ? value : base::Json(text);
  // Not what the schema wants either way: the stage's schema check names parameter and type.
  return value.is_discarded() ? base::Json(text) : value;
}

}  // namespace presswork::workflow
