#include "plugins/modelkit/checkpoint/config_reader.h"

#include <nlohmann/json.hpp>

namespace presswork::modelkit {

using nlohmann::json;

ConfigReader::ConfigReader(const json& object, std::string where) : where_(std::move(where)) {
  if (object.is_object()) {
    object_ = &object;
  } else if (!object.is_null()) {
    throw Error("corrupt_file", "a JSON object is expected", where_, "repair the file or download it again");
  }
}

bool ConfigReader::is_object(const char* key) const {
  const json* value = find(key);
  return value != nullptr && value->is_object();
}

const char* ConfigReader::present(std::initializer_list<const char*> keys) const {
  for (const char* key : keys) {
    if (has(key)) return key;
  }
  return *keys.begin();
}

ConfigReader ConfigReader::object(const char* key) const {
  static const json kNull;
  const json* value = find(key);
  return {value == nullptr ? kNull : *value, where_ + "/" + key};
}

std::string ConfigReader::text(const char* key, std::string fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) wrong(key, "a string");
  return value->get<std::string>();
}

std::string ConfigReader::first_text(const char* key) const {
  const json* value = find(key);
  if (value == nullptr || !value->is_array() || value->empty() || !value->front().is_string()) return {};
  return value->front().get<std::string>();
}

bool ConfigReader::boolean(const char* key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) wrong(key, "true or false");
  return value->get<bool>();
}

std::optional<double> ConfigReader::optional_number(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) wrong(key, "a number");
  return value->get<double>();
}

std::int64_t ConfigReader::integer(const char* key, std::int64_t fallback) const {
  const json* value = find(key);
  return value == nullptr ? fallback : to_integer(*value, key);
}

std::int64_t ConfigReader::size(const char* key, std::int64_t limit) const {
  const std::int64_t value = integer(key, 0);
  if (value < 1 || value > limit) wrong(key, "an integer from 1 to " + std::to_string(limit));
  return value;
}

std::vector<std::string> ConfigReader::texts(const char* key) const {
  std::vector<std::string> values;
  each(key, [&](const json& item) {
    if (!item.is_string()) wrong(key, "texts");
    values.push_back(item.get<std::string>());
  });
  return values;
}

std::vector<double> ConfigReader::numbers(const char* key) const {
  std::vector<double> values;
  each(key, [&](const json& item) {
    if (!item.is_number()) wrong(key, "numbers");
    values.push_back(item.get<double>());
  });
  return values;
}

std::vector<std::int64_t> ConfigReader::integers(const char* key) const {
  std::vector<std::int64_t> values;
  each(key, [&](const json& item) { values.push_back(to_integer(item, key)); });
  return values;
}

const json* ConfigReader::find(const char* key) const {
  if (object_ == nullptr) return nullptr;
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::each(const char* key, const std::function<void(const json&)>& action) const {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return action(*value);
  for (const json& item : *value) action(item);
}

std::int64_t ConfigReader::to_integer(const json& value, const char* key) const {
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

void ConfigReader::wrong(const char* key, const std::string& expected) const {
  throw Error("corrupt_file", expected + " is expected", where_ + "/" + key, "repair config.json");
}

}  // namespace presswork::modelkit
