#include "plugins/report/phrases.h"

#include <optional>
#include <vector>

#include "plugins/modelkit/wording/message.h"
#include "presswork/error.h"

namespace presswork::summary {

namespace {

// What stands for {0}, {1}... (in this order) where `text` is `sentence` with them filled in.
std::optional<std::vector<std::string>> values_in(const std::string& text, const std::string& sentence) {
  constexpr std::size_t kHole = 3;  // "{0}"
  std::vector<std::string> values;
  std::size_t words_at = 0, read = 0;
  for (bool is_last = false; !is_last;) {
    const std::size_t hole = sentence.find('{', words_at);
    is_last = hole == std::string::npos;
    const std::string words = sentence.substr(words_at, is_last ? hole : hole - words_at);
    std::size_t found = words_at == 0 ? 0 : text.find(words, read);
    if (is_last && text.size() >= words.size()) found = text.size() - words.size();
    if (found == std::string::npos || found < read || (words_at == 0 && found > 0) ||
        text.compare(found, words.size(), words) != 0)
      return std::nullopt;
    if (words_at > 0) values.push_back(text.substr(read, found - read));
    read = found + words.size();
    words_at = hole + kHole;
  }
  return values;
}

}  // namespace

Phrases::Phrases(const std::string& language) : chinese_(language == "zh-TW") {
  if (language != "en" && !chinese_) {
    throw Error("invalid_parameter", "the report is not written in \"" + language + "\"", "/lang",
                "use en or zh-TW");
  }
}

std::string Phrases::operator()(const std::string& english) const {
  if (!chinese_) return english;
  const auto found = traditional_chinese().find(english);
  if (found != traditional_chinese().end()) return found->second;
  missing_.insert(english);
  return english;
}

std::string Phrases::known(const std::string& english) const {
  if (!chinese_) return english;
  for (const auto* table : {&traditional_chinese(), &traditional_chinese_of_stages()}) {
    const auto found = table->find(english);
    if (found != table->end()) return found->second;
  }
  return english;
}

std::string Phrases::operator()(const std::string& english, std::initializer_list<std::string> values) const {
  return modelkit::fill((*this)(english), values);
}

std::string Phrases::said(const nlohmann::json& document, const std::string& key) const {
  if (chinese_ && document.contains(key + "_parts")) return said_parts(document.at(key + "_parts"));
  const auto text = document.find(key);
  return text != document.end() && text->is_string() ? known(text->get<std::string>()) : "";
}

std::string Phrases::of_engine(const std::string& text) const {
  if (!chinese_) return text;
  for (const auto& [english, chinese] : traditional_chinese_of_engine()) {
    if (const auto values = values_in(text, english)) return modelkit::fill(chinese, *values);
  }
  std::string said = text;  // a list of names with their values
  static const std::string missing = " does not exist in this run";
  for (std::size_t at = said.find(missing); at != std::string::npos; at = said.find(missing, at))
    said.replace(at, missing.size(), traditional_chinese_of_engine().at(missing));
  return said;
}

std::string Phrases::said_parts(const nlohmann::json& parts) const {
  if (parts.is_string()) return known(parts.get<std::string>());
  if (!parts.is_object() || !parts.contains("say") || !parts["say"].is_string()) return "";
  const std::string sentence = parts["say"];
  const std::string translated = known(sentence);
  if (translated == sentence) missing_.insert(sentence);
  std::vector<std::string> values;
  for (const auto& value : parts.value("with", nlohmann::json::array())) values.push_back(said_parts(value));
  return modelkit::fill(translated, values);
}

}  // namespace presswork::summary
