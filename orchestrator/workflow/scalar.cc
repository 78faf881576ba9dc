#include "orchestrator/workflow/scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace presswork::workflow {

namespace {

std::size_t digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?      (YAML 1.2.2, section 10.3.2)
bool is_float(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const std::size_t whole = digits(text);
  text.remove_prefix(whole);
  std::size_t fraction = 0;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    fraction = digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && digits(text) == text.size();
}

Scalar integer(std::string_view text, int base) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return {nullptr, "the integer does not fit in 64 bits"};
  }
  return {value, {}};
}

}  // namespace

Scalar core_scalar(std::string_view text) {
  for (const std::string_view word : {"", "~", "null", "Null", "NULL"}) {
    if (text == word) return {nullptr, {}};
  }
  for (const std::string_view word : {"true", "True", "TRUE"}) {
    if (text == word) return {true, {}};
  }
  for (const std::string_view word : {"false", "False", "FALSE"}) {
    if (text == word) return {false, {}};
  }
  std::string_view unsigned_part = text;
  if (unsigned_part[0] == '-' || unsigned_part[0] == '+') unsigned_part.remove_prefix(1);
  if (!unsigned_part.empty() && digits(unsigned_part) == unsigned_part.size()) {
    return integer(text[0] == '+' ? unsigned_part : text, 10);
  }
  const auto all = [&](std::string_view set) {
    return text.size() > 2 && text.find_first_not_of(set, 2) == std::string_view::npos;
  };
  if (text.substr(0, 2) == "0o" && all("01234567")) return integer(text.substr(2), 8);
  if (text.substr(0, 2) == "0x" && all("0123456789abcdefABCDEF")) return integer(text.substr(2), 16);
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
    if (unsigned_part == word) return {nullptr, "numbers must be finite"};
  }
  if (is_float(text)) {
    const std::string_view number = text[0] == '+' ? unsigned_part : text;
    double value = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (failed == std::errc::result_out_of_range) return {nullptr, "the number does not fit in 64 bits"};
    if (failed == std::errc() && end == number.data() + number.size() && std::isfinite(value))
      return {value, {}};
  }
  return {std::string(text), {}};
}

}  // namespace presswork::workflow
