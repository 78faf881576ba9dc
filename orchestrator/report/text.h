// Text for a terminal: widths in columns, not bytes; nothing that a plugin or a file says may steer the
// screen.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace presswork::report {

// Columns that UTF-8 text takes: 2 for wide East Asian characters and emoji, 0 for combining marks and for
// colour sequences (ESC [ … m).
std::size_t display_width(std::string_view text);

// `text` with spaces up to `width` columns; longer text stays as it is.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

// At most `width` columns; what is cut ends with "…". Colour sequences are kept, so that no colour leaks.
std::string truncate(std::string_view text, std::size_t width);

// Text from outside, safe to print: control characters but newline and tab become spaces or vanish with their
// escape sequence, bytes that are no UTF-8 become U+FFFD.
std::string printable(std::string_view text);

// printable(), with line breaks and tabs as spaces.
std::string one_line(std::string_view text);

// 3.14159 -> "3.142": four significant digits, thousands grouped, no trailing zeros; "NaN" is "–".
std::string format_number(double value);
std::string format_integer(long long value);      // "1,234,567"
std::string format_signed_percent(double value);  // "+10.7 %"

}  // namespace presswork::report
