#include "orchestrator/report/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace presswork::report {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Decodes the character at `at` and moves past it. What is no UTF-8 gives U+FFFD for one byte.
char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return text[at++];
  int length = 0;
  char32_t value = 0;
  if ((first & 0xE0) == 0xC0) {
    length = 2, value = first & 0x1F;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, value = first & 0x0F;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, value = first & 0x07;
  }
  if (length == 0 || at + static_cast<std::size_t>(length) > text.size()) return ++at, kReplacement;
  for (int i = 1; i < length; ++i) {
    const unsigned char next = byte(at + static_cast<std::size_t>(i));
    if ((next & 0xC0) != 0x80) return ++at, kReplacement;
    value = (value << 6) | (next & 0x3F);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[static_cast<std::size_t>(length)] || value > 0x10FFFF ||
      (value >= 0xD800 && value <= 0xDFFF)) {
    return ++at, kReplacement;
  }
  at += static_cast<std::size_t>(length);
  return value;
}

struct Range {
  char32_t first, last;
};

bool within(char32_t c, const Range* begin, const Range* end) {
  return std::any_of(begin, end, [c](const Range& range) { return c >= range.first && c <= range.last; });
}

// From Unicode's EastAsianWidth.txt (W and F) and the general categories Mn, Me and Cf, in blocks: coarse,
// and right for what appears in model names, texts and messages.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},  {0x23F3, 0x23F3},
    {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},  {0x2693, 0x2693},
    {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},  {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},  {0x26FA, 0x26FA},
    {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},  {0x274C, 0x274C},
    {0x274E, 0x274E},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},  {0x27B0, 0x27B0},
    {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},  {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},  {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr Range kZero[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},  {0x0610, 0x061A},
                           {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},  {0x200B, 0x200F},
                           {0x202A, 0x202E}, {0x2060, 0x2064}, {0x20D0, 0x20FF},  {0xFE00, 0xFE0F},
                           {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};

std::size_t width_of(char32_t c) {
  if (c < 0x20 || c == 0x7F) return 0;
  if (c < 0x300) return 1;
  if (within(c, std::begin(kZero), std::end(kZero))) return 0;
  return within(c, std::begin(kWide), std::end(kWide)) ? 2 : 1;
}

// The end of the escape sequence that starts at `at` (ESC): CSI up to its final byte, OSC up to BEL or ESC \,
// otherwise two bytes.
std::size_t end_of_escape(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return text.size();
  const char kind = text[at + 1];
  std::size_t i = at + 2;
  if (kind == '[') {
    while (i < text.size() && (text[i] < 0x40 || text[i] > 0x7E)) ++i;
    return std::min(i + 1, text.size());
  }
  if (kind == ']') {
    while (i < text.size() && text[i] != '\a' && text[i] != '\x1b') ++i;
    if (i < text.size() && text[i] == '\x1b') ++i;
    return std::min(i + 1, text.size());
  }
  return i;
}

void append_utf8(std::string& out, std::string_view text, std::size_t from, std::size_t to, char32_t c) {
  if (c == kReplacement) {
    out += "\xEF\xBF\xBD";
  } else {
    out.append(text.substr(from, to - from));
  }
}

std::string group_thousands(std::string digits) {
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\x1b') {
      at = end_of_escape(text, at);
    } else {
      width += width_of(next_character(text, at));
    }
  }
  return width;
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t has = display_width(text);
  if (has < width) out.append(width - has, ' ');
  return out;
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t has = display_width(text);
  std::string out(has < width ? width - has : 0, ' ');
  return out.append(text);
}

std::string truncate(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string out;
  std::size_t used = 0;
  bool cut = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    if (text[at] == '\x1b') {
      at = end_of_escape(text, at);
      out.append(text.substr(from, at - from));
      continue;
    }
    const std::size_t columns = width_of(next_character(text, at));
    if (cut) continue;
    if (used + columns > width - 1) {
      out += "…";
      cut = true;
    } else {
      out.append(text.substr(from, at - from));
      used += columns;
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    if (text[at] == '\x1b') {
      at = end_of_escape(text, at);
      continue;
    }
    const char32_t c = next_character(text, at);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
    if (c == '\r') {
      if (at >= text.size() || text[at] != '\n') out += '\n';
    } else if (control) {
      out += ' ';
    } else if (c < 0x202A || (c > 0x202E && (c < 0x2066 || c > 0x2069))) {  // no change of direction
      append_utf8(out, text, from, at, c);
    }
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out = printable(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string format_integer(long long value) { return group_thousands(std::to_string(value)); }

std::string format_number(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::fabs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e15)) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3e", value);
    return text;
  }
  const int before = size < 1 ? 1 : static_cast<int>(std::floor(std::log10(size))) + 1;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", std::clamp(4 - before, 0, 6), value);
  if (size != 0 && size < 0.1) std::snprintf(text, sizeof text, "%.4g", value);
  std::string out = text;
  std::string fraction;
  if (const auto point = out.find('.'); point != std::string::npos) {
    fraction = out.substr(point);
    out.resize(point);
    while (!fraction.empty() && (fraction.back() == '0' || fraction.back() == '.')) {
      const bool end = fraction.back() == '.';
      fraction.pop_back();
      if (end) break;
    }
  }
  return group_thousands(out) + fraction;
}

std::string format_signed_percent(double value) {
  if (!std::isfinite(value)) return "–";
  char text[48];
  std::snprintf(text, sizeof text, "%+.*f %%", std::fabs(value) < 10 ? 2 : 1, value);
  return text;
}

}  // namespace presswork::report
