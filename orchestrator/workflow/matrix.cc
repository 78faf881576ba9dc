#include <algorithm>
#include <set>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

Json values_of_axis(const Matrix::Axis& axis, const ValueOf& value_of) {
  Json values = axis.values.evaluate(value_of);
  if (values.is_array() && !values.empty()) {
    std::set<Json> seen;
    for (const Json& value : values) {
      if (seen.insert(value).second) continue;
      throw Error(ErrorCode::invalid_workflow,
                  "the matrix value \"" + axis.name + "\" has " + value.dump() + " twice", "", axis.where);
    }
    return values;
  }
  throw Error(ErrorCode::invalid_workflow,
              "the matrix value \"" + axis.name + "\" needs a list with something in it",
              "for example " + axis.name + ": [4, 8], or ${{ params.NAME }} with a parameter of type list",
              axis.where);
}

void check_names(const Json& cell, const std::vector<std::string>& names, const base::Where& where,
                 bool all) {
  for (const auto& [name, value] : cell.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = base::nearest(name, names);
    throw Error(ErrorCode::invalid_workflow, "the matrix has no value \"" + name + "\"",
                near.empty() ? "" : "did you mean \"" + near + "\"?", where);
  }
  for (const std::string& name : names) {
    if (!all || cell.contains(name)) continue;
    throw Error(ErrorCode::invalid_workflow, "this combination lacks a value for \"" + name + "\"", "", where);
  }
}

bool matches(const Json& cell, const Json& pattern) {
  return std::all_of(pattern.items().begin(), pattern.items().end(), [&](const auto& item) {
    const auto found = cell.find(item.key());
    return found != cell.end() && *found == item.value();
  });
}

}  // namespace

std::vector<Json> cells(const Matrix& matrix, const ValueOf& value_of) {
  std::vector<Json> all = {Json::object()};
  std::vector<std::string> names;
  if (matrix.axes.empty()) {
    all.clear();
    for (const auto& [name, value] : matrix.include.front().cell.items()) names.push_back(name);
  }
  for (const Matrix::Axis& axis : matrix.axes) {
    const Json values = values_of_axis(axis, value_of);
    if (all.size() > Matrix::max_cells / values.size()) {
      throw Error(ErrorCode::invalid_workflow,
                  "the matrix has more than " + std::to_string(Matrix::max_cells) + " combinations", "",
                  matrix.where);
    }
    std::vector<Json> next;
    next.reserve(all.size() * values.size());
    for (const Json& cell : all) {
      for (const Json& value : values) {
        next.push_back(cell);
        next.back()[axis.name] = value;
      }
    }
    all = std::move(next);
    names.push_back(axis.name);
  }
  for (const Matrix::Entry& entry : matrix.exclude) {
    check_names(entry.cell, names, entry.where, false);
    if (std::erase_if(all, [&](const Json& cell) { return matches(cell, entry.cell); }) == 0) {
      throw Error(ErrorCode::invalid_workflow, "this exclusion matches no combination of the matrix", "",
                  entry.where);
    }
  }
  for (const Matrix::Entry& entry : matrix.include) {
    check_names(entry.cell, names, entry.where, true);
    all.push_back(entry.cell);
  }
  if (!matrix.include.empty()) {
    std::set<Json> seen;
    for (const Json& cell : all) {
      if (seen.insert(cell).second) continue;
      throw Error(ErrorCode::invalid_workflow, "the matrix has the combination " + cell.dump() + " twice", "",
                  matrix.where);
    }
  }
  if (all.empty()) {
    throw Error(ErrorCode::invalid_workflow, "the exclusions leave nothing of the matrix", "", matrix.where);
  }
  return all;
}

}  // namespace presswork::workflow
