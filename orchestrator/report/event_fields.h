// Events are made by the engine, but a journal may be read back, and was written by another version: a field
// that is missing or of another type reads as empty.
#pragma once

#include <cmath>
#include <string>

#include "orchestrator/base/json.h"

namespace presswork::report {

inline std::string text_of(const base::Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() && it->is_string() ? it->get<std::string>() : std::string();
}

inline double number_of(const base::Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  const double value = it != data.end() && it->is_number() ? it->get<double>() : 0;
  return std::isfinite(value) ? value : 0;
}

inline bool flag_of(const base::Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() && it->is_boolean() && it->get<bool>();
}

inline base::Json value_of(const base::Json& data, const char* name) {
  const auto it = data.is_object() ? data.find(name) : data.end();
  return it != data.end() ? *it : base::Json();
}

}  // namespace presswork::report
