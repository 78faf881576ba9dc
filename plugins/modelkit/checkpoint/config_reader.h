// Typed access to one JSON object of config.json. A key that is absent or null has its default; a value of
// another type throws "corrupt_file" naming the key. Hugging Face writes null for "not set".
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {

// The names in a table of {value, name}, for errors that say what is supported.
template <class Table>
std::string names_of(const Table& table) {
  std::string text;
  for (const auto& entry : table) text += (text.empty() ? "" : ", ") + std::string(entry.name);
  return text;
}

class ConfigReader {
 public:
  // `object` must outlive it; null is an object without keys.
  ConfigReader(const nlohmann::json& object, std::string where);

  const std::string& where() const { return where_; }
  bool has(const char* key) const { return find(key) != nullptr; }
  bool is_object(const char* key) const;
  // The first of several spellings that is there; the first of all when none is.
  const char* present(std::initializer_list<const char*> keys) const;

  ConfigReader object(const char* key) const;
  std::string text(const char* key, std::string fallback) const;
  std::string first_text(const char* key) const;  // of a list, or ""
  bool boolean(const char* key, bool fallback) const;
  std::optional<double> optional_number(const char* key) const;
  double number(const char* key, double fallback) const { return optional_number(key).value_or(fallback); }
  std::int64_t integer(const char* key, std::int64_t fallback) const;
  std::int64_t size(const char* key, std::int64_t limit) const;  // required, in 1..limit

  // Lists; a single value is a list of one.
  std::vector<std::string> texts(const char* key) const;
  std::vector<double> numbers(const char* key) const;
  std::vector<std::int64_t> integers(const char* key) const;

 private:
  const nlohmann::json* find(const char* key) const;
  void each(const char* key, const std::function<void(const nlohmann::json& item)>& action) const;
  std::int64_t to_integer(const nlohmann::json& value, const char* key) const;
  [[noreturn]] void wrong(const char* key, const std::string& expected) const;

  const nlohmann::json* object_ = nullptr;
  std::string where_;
};

}  // namespace presswork::modelkit
