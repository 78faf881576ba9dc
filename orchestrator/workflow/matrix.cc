#include <algorithm>
#include <set>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

using base::Error;
using base::Json;

namespace {

bool is_plain(const Json& value) { return value.is_number() || value.is_string() || value.is_boolean(); }

constexpr std::string_view not_plain = "is no number, text or boolean";

// Those that can be used; nothing where that is none, or they are not known.
std::optional<Json> values_of_axis(const Matrix::Axis& axis, const ValueOf& value_of, Faults& faults) {
  if (!axis.values.is_known(value_of)) return std::nullopt;
  Json values;
  try {
    values = axis.values.evaluate(value_of);
  } catch (const Error& error) {
    faults.add(error.where, error.message, error.hint);
    return std::nullopt;
  }
  if (!values.is_array() || values.empty()) {
    faults.add(axis.where, "the matrix value \"" + axis.name + "\" needs a list with something in it",
               "for example " + axis.name + ": [4, 8], or ${{ params.NAME }} with a parameter of type list");
    return std::nullopt;
  }
  const bool written_out = axis.values.source().is_array();
  std::set<Json> sound;
  Json kept = Json::array();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const base::Where where = written_out ? axis.values.where("/" + std::to_string(i)) : axis.where;
    if (!is_plain(values[i])) {
      faults.add(where, "the matrix value \"" + axis.name + "\": " + values[i].dump() + " " +
                            std::string(not_plain));
    } else if (!sound.insert(values[i]).second) {
      faults.add(where, "the matrix value \"" + axis.name + "\" has " + values[i].dump() + " twice");
    } else {
      kept.push_back(std::move(values[i]));
    }
  }
  return kept.empty() ? std::nullopt : std::optional(std::move(kept));
}

// The entries that give values to the matrix's names: to all of them, or to some.
std::vector<const Matrix::Entry*> sound_entries(const std::vector<Matrix::Entry>& entries, bool all,
                                                const std::vector<std::string>& names, Faults& faults) {
  std::vector<const Matrix::Entry*> sound;
  for (const Matrix::Entry& entry : entries) {
    bool is_sound = true;
    const auto fault = [&](const std::string& message, const std::string& hint = {}) {
      faults.add(entry.where, message, hint);
      is_sound = false;
    };
    for (const auto& [name, value] : entry.cell.items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        fault("the matrix has no value \"" + name + "\"", suggest(name, names));
      } else if (!is_plain(value)) {
        fault("the matrix value \"" + name + "\": " + value.dump() + " " + std::string(not_plain));
      }
    }
    for (const std::string& name : names) {
      if (all && !entry.cell.contains(name)) fault("this combination lacks a value for \"" + name + "\"");
    }
    if (is_sound) sound.push_back(&entry);
  }
  return sound;
}

// Nothing for too many.
std::optional<std::vector<Json>> product(const Matrix& matrix, const std::vector<Json>& axes,
                                         Faults& faults) {
  std::vector<Json> all;
  if (!axes.empty()) all.push_back(Json::object());
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (all.size() > Matrix::max_cells / axes[axis].size()) {
      faults.add(matrix.where,
                 "the matrix has more than " + std::to_string(Matrix::max_cells) + " combinations");
      return std::nullopt;
    }
    std::vector<Json> next;
    next.reserve(all.size() * axes[axis].size());
    for (const Json& cell : all) {
      for (const Json& value : axes[axis]) {
        next.push_back(cell);
        next.back()[matrix.axes[axis].name] = value;
      }
    }
    all = std::move(next);
  }
  return all;
}

bool matches(const Json& cell, const Json& pattern) {
  return std::all_of(pattern.items().begin(), pattern.items().end(), [&](const auto& item) {
    const auto found = cell.find(item.key());
    return found != cell.end() && *found == item.value();
  });
}

void include(const std::vector<const Matrix::Entry*>& entries, std::vector<Json>& all, Faults& faults) {
  if (entries.empty()) return;
  std::set<Json> seen(all.begin(), all.end());
  for (const Matrix::Entry* entry : entries) {
    if (seen.insert(entry->cell).second) {
      all.push_back(entry->cell);
    } else {
      faults.add(entry->where, "the matrix has the combination " + entry->cell.dump() + " twice");
    }
  }
}

}  // namespace

std::optional<std::vector<Json>> cells(const Matrix& matrix, const ValueOf& value_of, Faults& faults) {
  std::vector<std::string> names;
  for (const Matrix::Axis& axis : matrix.axes) names.push_back(axis.name);
  if (names.empty()) {
    for (const auto& [name, value] : matrix.include.front().cell.items()) names.push_back(name);
  }
  const auto excluded = sound_entries(matrix.exclude, false, names, faults);
  const auto included = sound_entries(matrix.include, true, names, faults);
  std::vector<Json> axes;
  for (const Matrix::Axis& axis : matrix.axes) {
    if (auto values = values_of_axis(axis, value_of, faults)) axes.push_back(*std::move(values));
  }
  if (axes.size() < matrix.axes.size()) return std::nullopt;
  auto all = product(matrix, axes, faults);
  if (!all) return std::nullopt;
  for (const Matrix::Entry* entry : excluded) {
    if (std::erase_if(*all, [&](const Json& cell) { return matches(cell, entry->cell); }) == 0)
      faults.add(entry->where, "this exclusion matches no combination of the matrix");
  }
  include(included, *all, faults);
  if (!all->empty()) return all;
  faults.add(matrix.where, "the exclusions leave nothing of the matrix");
  return std::nullopt;
}

}  // namespace presswork::workflow
