#include <cmath>
#include <cstdint>

#include "orchestrator/workflow/param_value.h"
#include "orchestrator/workflow/position.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

namespace {

std::string declared_at(const Param& param) {
  const std::string place = param.where.to_string();
  return place.empty() ? "" : "it is declared in " + place;
}

std::string absolute(const std::string& path, const fs::path& directory) {
  return fs::absolute(directory / path).lexically_normal().string();
}

// Adds the value of `param` to `values`, or a fault.
void resolve(const Workflow& workflow, const Param& param, const base::Json& given, const fs::path& directory,
             base::Json& values, Faults& faults) {
  const auto found = given.find(param.name);
  const bool is_given = found != given.end();
  if (!is_given && !param.fallback) {
    faults.add(Error(ErrorCode::invalid_input, "the parameter \"" + param.name + "\" needs a value",
                     "give it with -p " + param.name + "=…", param.where));
    return;
  }
  base::Json value = is_given ? *found : *param.fallback;
  if (is_given && value.is_string()) value = read_value(param, value.get<std::string>());
  if (const std::string fault = value_fault(param, value); !fault.empty()) {
    faults.add(Error(ErrorCode::invalid_input, "the parameter \"" + param.name + "\" " + fault,
                     is_given ? declared_at(param) : "", is_given ? base::Where{} : param.where));
    return;
  }
  // 4.0 is an integer to JSON Schema; stages and cache keys see 4.
  if (param.type == ParamType::integer && value.is_number_float() && std::abs(value.get<double>()) < 0x1p63) {
    value = static_cast<std::int64_t>(value.get<double>());
  }
  if (param.type == ParamType::path) {
    const bool from_file = !is_given && !workflow.file.empty();
    value = absolute(value.get<std::string>(), from_file ? workflow.file.parent_path() : directory);
  }
  values[param.name] = std::move(value);
}

}  // namespace

base::Json resolve_params(const Workflow& workflow, const base::Json& given, const fs::path& directory) {
  if (!given.is_object() && !given.is_null()) {
    throw Error(ErrorCode::invalid_input, "the parameters must be an object of names and values");
  }
  Faults faults;
  std::vector<std::string> names;
  for (const Param& param : workflow.params) names.push_back(param.name);
  for (const auto& [name, value] : given.items()) {
    if (workflow.param(name) != nullptr) continue;
    faults.add(Error(ErrorCode::invalid_input, "\"" + workflow.name + "\" has no parameter \"" + name + "\"",
                     names.empty() ? "it has none" : suggest(name, names)));
  }
  base::Json values = base::Json::object();
  const base::Json none = base::Json::object();
  for (const Param& param : workflow.params) {
    resolve(workflow, param, given.is_null() ? none : given, directory, values, faults);
  }
  faults.throw_if_any();
  return values;
}

base::Json default_params(const Workflow& workflow) {
  Faults reported;  // when the workflow was read
  base::Json values = base::Json::object();
  for (const Param& param : workflow.params) {
    if (param.fallback) resolve(workflow, param, base::Json::object(), {}, values, reported);
  }
  return values;
}

}  // namespace presswork::workflow
