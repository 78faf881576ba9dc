// The report's sentences. English is written where it is used and is the key of the other languages.
#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace presswork::summary {

class Phrases {
 public:
  // "en" or "zh-TW". Throws Error "invalid_parameter" for another language.
  explicit Phrases(const std::string& language);

  // `english` in the report's language.
  std::string operator()(const std::string& english) const;
  // The same with {0}, {1}... filled in.
  std::string operator()(const std::string& english, std::initializer_list<std::string> values) const;

  // `english` in the report's language where there is a translation, else as it is: for text of other stages.
  std::string known(const std::string& english) const;

  // What another stage said under `key` of a document (modelkit/wording/message.h), in the report's language.
  std::string said(const nlohmann::json& document, const std::string& key) const;

  // What the engine said in English of why a step was skipped or an item of a checklist has its state, in the
  // report's language; text that is none of its sentences stays as it is.
  std::string of_engine(const std::string& text) const;

  const char* language() const { return chinese_ ? "zh-TW" : "en"; }

  // What was asked for or said with values, and has no translation: a defect, which a test looks for.
  const std::set<std::string>& missing() const { return missing_; }

 private:
  std::string said_parts(const nlohmann::json& parts) const;

  bool chinese_;
  mutable std::set<std::string> missing_;
};

// Traditional Chinese by English, with the guide's words where it has them.
const std::map<std::string, std::string>& traditional_chinese();
const std::map<std::string, std::string>& traditional_chinese_of_stages();  // what they say in fixed words
const std::map<std::string, std::string>& traditional_chinese_of_engine();  // why it skipped a step

}  // namespace presswork::summary
