// A value in tokenizer.json together with its place, so that every complaint can name it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {

class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& where() const { return where_; }

  bool is_null() const { return value_->is_null(); }
  bool is_string() const { return value_->is_string(); }
  bool has(const char* key) const { return value_->is_object() && value_->contains(key); }
  // True when the key is present and not null.
  bool gives(const char* key) const { return has(key) && !(*value_)[key].is_null(); }

  // A member, or an element; absent: throws "corrupt_file".
  JsonNode at(const char* key) const {
    if (!value_->is_object()) wrong("an object");
    const auto found = value_->find(key);
    if (found == value_->end())
      throw Error("corrupt_file", std::string("\"") + key + "\" is missing", where_);
    return {*found, where_ + "/" + key};
  }
  std::vector<JsonNode> elements() const {
    if (!value_->is_array()) wrong("an array");
    std::vector<JsonNode> nodes;
    nodes.reserve(value_->size());
    for (const nlohmann::json& item : *value_) {
      nodes.emplace_back(item, where_ + "/" + std::to_string(nodes.size()));
    }
    return nodes;
  }

  const std::string& text() const {
    if (!value_->is_string()) wrong("a text");
    return value_->get_ref<const std::string&>();
  }
  bool boolean() const {
    if (!value_->is_boolean()) wrong("true or false");
    return value_->get<bool>();
  }
  // A whole number from 0 to `most`.
  std::int64_t number(std::int64_t most) const {
    if (!value_->is_number_integer()) wrong("a whole number");
    if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
      wrong("at most " + std::to_string(most));
    }
    const auto number = value_->get<std::int64_t>();
    if (number < 0 || number > most) wrong("a number from 0 to " + std::to_string(most));
    return number;
  }
  // A text of exactly one character.
  char32_t character() const {
    const std::string& one = text();
    if (one.empty() || utf8::length(one[0]) != one.size()) wrong("a text of one character");
    return utf8::decode(one, 0);
  }

  bool boolean(const char* key, bool otherwise) const { return gives(key) ? at(key).boolean() : otherwise; }
  std::string text(const char* key, const std::string& otherwise) const {
    return gives(key) ? at(key).text() : otherwise;
  }

  [[noreturn]] void wrong(const std::string& expected) const {
    throw Error("corrupt_file", "expected " + expected + ", found " + shown(), where_);
  }
  // For a component ("normalizer") whose "type" nobody here knows.
  [[noreturn]] void unknown_type(const char* component, const char* known) const {
    throw Error("unsupported",
                std::string("the ") + component + " type \"" + text("type", "") + "\" is not supported",
                where_, std::string("supported: ") + known);
  }

 private:
  std::string shown() const {
    std::string shown = value_->is_structured()
                            ? value_->type_name()
                            : value_->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
    return shown;
  }

  const nlohmann::json* value_;
  std::string where_;
};

// Components nest ("Sequence"); deeper than this is an attack.
inline constexpr int deepest_nesting = 16;

inline void check_nesting(const JsonNode& node, int depth) {
  if (depth > deepest_nesting) throw Error("corrupt_file", "components are nested too deeply", node.where());
}

}  // namespace presswork::modelkit
