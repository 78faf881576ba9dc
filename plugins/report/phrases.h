// The report's sentences. English is written where it is used and is the key of the other languages.
#pragma once

#include <initializer_list>
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

  // What was asked for and has no translation: a defect, which a test looks for.
  const std::set<std::string>& missing() const { return missing_; }

 private:
  bool chinese_;
  mutable std::set<std::string> missing_;
};

}  // namespace presswork::summary
