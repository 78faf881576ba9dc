#include "plugins/modelkit/checkpoint/module_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Linear in the two lengths' product: remembers only the last star, which is enough for globs.
bool glob_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::shared_ptr<void> compile(const std::string& pattern, const std::string& where) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto* regex = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_ANCHORED | PCRE2_UTF, &code, &offset, nullptr);
  if (regex != nullptr) {
    return {regex, [](void* used) { pcre2_code_free(static_cast<pcre2_code*>(used)); }};
  }
  PCRE2_UCHAR reason[256] = {};
  pcre2_get_error_message(code, reason, sizeof(reason));
  throw Error("invalid_parameter",
              "the regular expression \"" + pattern + "\" is wrong at character " + std::to_string(offset) +
                  ": " + reinterpret_cast<const char*>(reason),
              where);
}

bool regex_matches(const pcre2_code* regex, std::string_view name) {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(limits.get(),
                        100'000);  // patterns come from downloaded files: no catastrophic backtracking
  return pcre2_match(regex, reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0, data.get(),
                     limits.get()) >= 0;
}

}  // namespace

ModulePattern::ModulePattern(std::string text, const std::string& where) : text_(std::move(text)) {
  if (text_.starts_with("re:")) regex_ = compile(text_.substr(3), where);
}

bool ModulePattern::matches(std::string_view module) const {
  if (regex_ != nullptr) return regex_matches(static_cast<const pcre2_code*>(regex_.get()), module);
  return glob_matches(text_, module);
}

}  // namespace presswork::modelkit
