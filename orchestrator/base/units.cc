#include "orchestrator/base/units.h"

#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

namespace presswork::base {

namespace {

// The number at the front of `text`, and the unit after it.
std::optional<std::pair<double, std::string_view>> split(std::string_view text) {
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || !(number >= 0) || number > std::numeric_limits<double>::max()) return {};
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  return std::pair(number, unit);
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return {};
  static constexpr std::pair<std::string_view, double> units[] = {
      {"", 1},     {"B", 1},    {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
      {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},     {"TB", 1e12},       {"TiB", 1099511627776.0},
  };
  for (const auto& [name, factor] : units) {
    if (parts->second != name) continue;
    const double bytes = parts->first * factor;
    if (bytes >= 9.2e18) return {};
    return static_cast<std::uint64_t>(bytes);
  }
  return {};
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return {};
  static constexpr std::pair<std::string_view, double> units[] = {
      {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"min", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
  for (const auto& [name, factor] : units) {
    if (parts->second != name) continue;
    const double ms = parts->first * factor;
    if (ms >= 9e15) return {};
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
  }
  return {};
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr const char* names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", value, names[unit]);
  return text;
}

std::string format_seconds(double seconds) {
  return format_duration(std::chrono::milliseconds(static_cast<long long>(seconds * 1000)));
}

std::string format_duration(std::chrono::milliseconds t) {
  const auto ms = t.count();
  char text[60];
  if (ms < 1000) {
    std::snprintf(text, sizeof text, "%d ms", static_cast<int>(ms));
  } else if (ms < 60'000) {
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ms) / 1000);
  } else if (ms < 3'600'000) {
    std::snprintf(text, sizeof text, "%d min %02d s", static_cast<int>(ms / 60'000),
                  static_cast<int>(ms / 1000 % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld h %02d min", static_cast<long long>(ms / 3'600'000),
                  static_cast<int>(ms / 60'000 % 60));
  }
  return text;
}

}  // namespace presswork::base
