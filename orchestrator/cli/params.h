// Values that the user gives on the command line or in a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/base/json.h"

namespace presswork::cli {

// "name=value"; throws Error{usage} that names `option` when there is no name or no "=".
std::pair<std::string, std::string> split_assignment(std::string_view text, std::string_view option);

// An object out of a file of JSON or YAML, told by its ending (.json, else YAML; "-" is JSON from stdin).
// Throws Error{invalid_input, not_found}.
base::Json read_object(const std::string& file);

// What is given for a workflow: the file's values, and over them each "name=value", whose value stays text
// until the parameter's type is known.
base::Json given_params(const std::string& params_file, const std::vector<std::string>& assignments);

}  // namespace presswork::cli
