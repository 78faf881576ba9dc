// Typed access to one JSON object of config.json. A key that is absent or null has its default; a value of
// another type throws "corrupt_file" naming the key. Hugging Face writes null for "not set".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
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
  ConfigReader(const nlohmann::json& object, std::string where) : where_(std::move(where)) {
    if (object.is_object()) {
      object_ = &object;
    } else if (!object.is_null()) {
      throw Error("corrupt_file", "a JSON object is expected", where_);
    }
  }

  const std::string& where() const { return where_; }
  bool has(const char* key) const { return find(key) != nullptr; }
  bool is_object(const char* key) const {
    const auto* value = find(key);
    return value != nullptr && value->is_object();
  }
  // The first of several spellings that is there; the first of all when none is.
  const char* present(std::initializer_list<const char*> keys) const {
    for (const char* key : keys) {
      if (has(key)) return key;
    }
    return *keys.begin();
  }

  ConfigReader object(const char* key) const {
    static const nlohmann::json kNull;
    const auto* value = find(key);
    return {value == nullptr ? kNull : *value, where_ + "/" + key};
  }

  std::string text(const char* key, std::string fallback) const {
    const auto* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) wrong(key, "a string");
    return value->get<std::string>();
  }

  // First string of a list, or "".
  std::string first_text(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr || !value->is_array() || value->empty() || !value->front().is_string()) return {};
    return value->front().get<std::string>();
  }

  bool boolean(const char* key, bool fallback) const {
    const auto* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) wrong(key, "true or false");
    return value->get<bool>();
  }

  std::optional<double> optional_number(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) wrong(key, "a number");
    return value->get<double>();
  }
  double number(const char* key, double fallback) const { return optional_number(key).value_or(fallback); }

  std::int64_t integer(const char* key, std::int64_t fallback) const {
    const auto* value = find(key);
    return value == nullptr ? fallback : to_integer(*value, key);
  }

  // A required size in 1..limit.
  std::int64_t size(const char* key, std::int64_t limit) const {
    const std::int64_t value = integer(key, 0);
    if (value < 1 || value > limit) wrong(key, "an integer from 1 to " + std::to_string(limit));
    return value;
  }

  // The texts of a list; a single text is a list of one.
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> values;
    each(key, [&](const nlohmann::json& item) {
      if (!item.is_string()) wrong(key, "texts");
      values.push_back(item.get<std::string>());
    });
    return values;
  }

  // A list, or a single number as a list of one.
  std::vector<double> numbers(const char* key) const {
    std::vector<double> values;
    each(key, [&](const nlohmann::json& item) {
      if (!item.is_number()) wrong(key, "numbers");
      values.push_back(item.get<double>());
    });
    return values;
  }
  std::vector<std::int64_t> integers(const char* key) const {
    std::vector<std::int64_t> values;
    each(key, [&](const nlohmann::json& item) { values.push_back(to_integer(item, key)); });
    return values;
  }

 private:
  const nlohmann::json* find(const char* key) const {
    if (object_ == nullptr) return nullptr;
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }

  template <class Action>
  void each(const char* key, Action action) const {
    const auto* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return action(*value);
    for (const auto& item : *value) action(item);
  }

  std::int64_t to_integer(const nlohmann::json& value, const char* key) const {
    constexpr double kExact = 9007199254740992.0;  // 2^53; some writers store sizes as 4096.0
    if (value.is_number_float()) {
      const double number = value.get<double>();
      if (number >= -kExact && number <= kExact &&
          number == static_cast<double>(static_cast<std::int64_t>(number))) {
        return static_cast<std::int64_t>(number);
      }
      wrong(key, "an integer");
    }
    if (!value.is_number_integer()) wrong(key, "an integer");
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) wrong(key, "a smaller integer");
    return value.get<std::int64_t>();
  }

  [[noreturn]] void wrong(const char* key, const std::string& expected) const {
    throw Error("corrupt_file", expected + " is expected", where_ + "/" + key, "repair config.json");
  }

  const nlohmann::json* object_ = nullptr;
  std::string where_;
};

}  // namespace presswork::modelkit
