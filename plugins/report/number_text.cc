#include "plugins/report/number_text.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace presswork::summary {

std::string fixed(double value, int digits) {
  std::array<char, 400> text{};  // the longest double has 309 digits before the point
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string signed_fixed(double value, int digits) {
  std::string text = value >= 0 ? "+" : "";
  text += fixed(value, digits);
  return text;
}

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 1024 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : 2) + " " + units[unit];
}

std::string seconds_text(double seconds) {
  if (seconds < 60) return fixed(seconds, 2) + " s";
  const double whole = std::round(seconds);
  const double minutes = std::floor(whole / 60);
  if (minutes < 60) return fixed(minutes, 0) + " min " + fixed(whole - minutes * 60, 0) + " s";
  const double hours = std::floor(minutes / 60);
  return fixed(hours, 0) + " h " + fixed(minutes - hours * 60, 0) + " min";
}

std::string count_text(double count) {
  std::string digits = fixed(count, 0);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string metric_text(const std::string& name, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number()) return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const double number = value.get<double>();
  if (name.ends_with("bytes")) return bytes_text(number);
  if (name.ends_with("_gb")) return fixed(number, 3) + " GiB";
  if (name.ends_with("ratio") || name.ends_with("speedup")) return fixed(number, 2) + "x";
  if (name.ends_with("percent")) return fixed(number, 2) + " %";
  if (value.is_number_integer()) return count_text(number);
  return fixed(number, std::abs(number) < 10 ? 4 : 2);
}

}  // namespace presswork::summary
