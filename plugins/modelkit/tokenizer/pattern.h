// {"String": "..."} or {"Regex": "..."}: what Replace and Split look for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "plugins/modelkit/tokenizer/regex.h"

namespace presswork::modelkit {

class JsonNode;

class Pattern {
 public:
  explicit Pattern(const JsonNode& node);

  // Calls visit(Range) for every match, left to right.
  template <class Visit>
  void each_match(std::string_view text, Visit&& visit) const {
    if (regex_) return regex_->each_match(text, visit);
    for (std::size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, at + literal_.size())) {
      visit(Range{at, at + literal_.size()});
    }
  }

  // `text` with every match replaced by `content`, word for word.
  std::string replace(std::string_view text, std::string_view content) const;

 private:
  std::string literal_;
  std::optional<Regex> regex_;
};

}  // namespace presswork::modelkit
