#include "plugins/report/phrases.h"

#include <vector>

#include "plugins/modelkit/wording/message.h"
#include "presswork/error.h"

namespace presswork::summary {

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
