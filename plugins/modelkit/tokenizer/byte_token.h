// "<0x0A>": the token of one byte, for characters that a SentencePiece-style vocabulary lacks.
#pragma once

#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace presswork::modelkit {

inline std::string byte_token(unsigned char byte) {
  static constexpr char digits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

inline std::optional<char> parse_byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const auto digit = static_cast<unsigned char>(c);
    if (std::isxdigit(digit) == 0) return std::nullopt;
    value = value * 16 + (std::isdigit(digit) != 0 ? c - '0' : std::tolower(digit) - 'a' + 10);
  }
  return static_cast<char>(value);
}

}  // namespace presswork::modelkit
