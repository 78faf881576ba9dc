#include "orchestrator/cli/params.h"

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
    if (std::error_code error; !std::filesystem::exists(file, error) && !error) {
      throw Error(ErrorCode::not_found, "there is no file " + file,
                  "name a JSON or YAML file that holds an object of names and values");
    }
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

}  // namespace presswork::cli
