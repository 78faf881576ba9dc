#include "orchestrator/cli/params.h"

#include <algorithm>
#include <iostream>
#include <iterator>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/workflow/document.h"

namespace presswork::cli {

using base::Error;
using base::ErrorCode;
using base::Json;

std::pair<std::string, std::string> split_assignment(std::string_view text, std::string_view option) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(ErrorCode::usage,
                std::string(option) + " needs name=value, not \"" + std::string(text) + "\"");
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

namespace {

Json read_yaml(const std::string& text, const std::string& file) {
  try {
    const auto document = workflow::Document::parse(text, file);
    return workflow::to_json(document->root());
  } catch (Error& error) {
    error.code = ErrorCode::invalid_input;  // no workflow, but a file that the command line names
    throw;
  }
}

}  // namespace

Json read_object(const std::string& file) {
  Json value;
  if (file == "-") {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    value = base::parse_json(text, "standard input");
  } else {
    const std::string text = base::real_file_system().read(file);
    const bool json = std::filesystem::path(file).extension() == ".json";
    value = json ? base::parse_json(text, file) : read_yaml(text, file);
  }
  if (value.is_null()) return Json::object();
  if (!value.is_object()) {
    throw Error(ErrorCode::invalid_input, (file == "-" ? std::string("standard input") : file) +
                                              " must hold an object of names and values, not " +
                                              value.type_name());
  }
  return value;
}

Json given_params(const std::string& params_file, const std::vector<std::string>& assignments) {
  Json given = params_file.empty() ? Json::object() : read_object(params_file);
  for (const std::string& assignment : assignments) {
    const auto [name, value] = split_assignment(assignment, "-p");
    given[name] = value;
  }
  return given;
}

namespace {

bool allows(const Json& schema, const char* type) {
  if (!schema.is_object()) return false;
  const auto it = schema.find("type");
  if (it != schema.end()) {
    if (it->is_string()) return *it == type || (*it == "number" && std::string_view(type) == "integer");
    if (it->is_array()) return std::find(it->begin(), it->end(), Json(type)) != it->end();
  }
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const auto options = schema.find(keyword);
    if (options == schema.end() || !options->is_array()) continue;
    for (const Json& option : *options) {
      if (allows(option, type)) return true;
    }
  }
  const auto choices = schema.find("enum");
  if (it == schema.end() && choices != schema.end() && choices->is_array() &&
      std::string_view(type) == "string") {
    return std::any_of(choices->begin(), choices->end(),
                       [](const Json& choice) { return choice.is_string(); });
  }
  return false;
}

bool allowed(const Json& schema, const Json& value) {
  if (value.is_number_integer()) return allows(schema, "integer") || allows(schema, "number");
  if (value.is_number()) return allows(schema, "number");
  return allows(schema, value.is_boolean() ? "boolean" : value.type_name());
}

}  // namespace

Json read_value(const std::string& text, const Json& schema) {
  const Json value = Json::parse(text, nullptr, false);
  const bool readable = !value.is_discarded() && !value.is_string();
  if (allows(schema, "string")) return readable && allowed(schema, value) ? value : Json(text);
  // Not what the schema wants either way: the stage's schema check names parameter and type.
  return value.is_discarded() ? Json(text) : value;
}

}  // namespace presswork::cli
