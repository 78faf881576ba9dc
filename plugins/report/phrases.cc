#include "plugins/report/phrases.h"

#include <vector>

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
  const std::vector<std::string> given(values);
  const std::string pattern = (*this)(english);
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    // A hole is "{n}" with n below ten.
    const bool hole = pattern[at] == '{' && at + 2 < pattern.size() && pattern[at + 2] == '}';
    const std::size_t index = hole ? static_cast<std::size_t>(pattern[at + 1] - '0') : given.size();
    if (index < given.size()) {
      text += given[index];
      at += 2;
    } else {
      text += pattern[at];
    }
  }
  return text;
}

}  // namespace presswork::summary
