// What a stage says in a document for people: an English sentence with holes, and what fills them. The
// sentence is the message's code: a report in another language looks it up and fills the same holes.
// Header-only, so that the report need not link the rest of modelkit.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace presswork::modelkit {

// `sentence` with {0} to {9} filled; a hole that nothing fills stays as it is.
inline std::string fill(const std::string& sentence, const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t at = 0; at < sentence.size(); ++at) {
    const bool hole = sentence[at] == '{' && at + 2 < sentence.size() && sentence[at + 2] == '}';
    const std::size_t index = hole ? static_cast<std::size_t>(sentence[at + 1] - '0') : values.size();
    if (index < values.size()) {
      text += values[index];
      at += 2;
    } else {
      text += sentence[at];
    }
  }
  return text;
}

class Message {
 public:
  Message() = default;
  // Write the sentence as a literal: tests/unit/report_summary/messages_test.cc finds it in the source and
  // asks for its translation.
  explicit Message(const char* sentence, std::vector<Message> values = {})
      : sentence_(sentence), values_(std::move(values)) {}

  // What is the same in every language: a name, a number with its unit, another program's words.
  static Message verbatim(std::string text) {
    Message message;
    message.sentence_ = std::move(text);
    return message;
  }
  static Message number(double value, const char* unit = "") {
    char text[64];
    std::snprintf(text, sizeof text, "%.4g", value);
    return verbatim(std::string(text) + unit);
  }
  // As put() wrote it.
  static Message from(const nlohmann::json& document, const std::string& key) {
    const auto parts = document.find(key + "_parts");
    return parts != document.end() ? from_parts(*parts) : verbatim(document.value(key, ""));
  }

  bool empty() const { return sentence_.empty(); }
  bool has_values() const { return !values_.empty(); }

  // In English.
  std::string text() const {
    std::vector<std::string> values;
    for (const Message& value : values_) values.push_back(value.text());
    return fill(sentence_, values);
  }

  // {"say": sentence, "with": [...]}; without values the text alone.
  nlohmann::json parts() const {
    if (values_.empty()) return sentence_;
    nlohmann::json with = nlohmann::json::array();
    for (const Message& value : values_) with.push_back(value.parts());
    return {{"say", sentence_}, {"with", with}};
  }

 private:
  static Message from_parts(const nlohmann::json& parts) {
    if (parts.is_string()) return verbatim(parts.get<std::string>());
    Message message = verbatim(parts.at("say").get<std::string>());
    for (const nlohmann::json& value : parts.at("with")) message.values_.push_back(from_parts(value));
    return message;
  }

  std::string sentence_;
  std::vector<Message> values_;
};

// One after the other; `so_far` may be empty.
inline Message joined(const Message& so_far, const Message& next) {
  return so_far.empty() ? next : Message("{0}; {1}", {so_far, next});
}

// document[key] in English, for people and programs; and where it has values, document[key + "_parts"] for
// translation.
inline void put(nlohmann::json& document, const std::string& key, const Message& message) {
  document[key] = message.text();
  if (message.has_values()) document[key + "_parts"] = message.parts();
}

}  // namespace presswork::modelkit
