// Patterns that name modules: an exact name ("lm_head"), a regular expression ("re:.*mlp.*", matched from the
// start of the name as Python's re.match does), or a glob ("model.layers.0.*"; * stands for any text, ? for
// one character).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

class ModulePattern {
 public:
  // Throws "invalid_parameter" at `where` for a regular expression that does not compile.
  explicit ModulePattern(std::string text, const std::string& where = {});

  const std::string& text() const { return text_; }
  bool matches(std::string_view module) const;

 private:
  std::string text_;
  std::shared_ptr<void> regex_;  // a pcre2_code, for "re:" patterns
};

}  // namespace presswork::modelkit
