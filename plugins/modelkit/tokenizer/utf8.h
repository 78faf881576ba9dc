// UTF-8, one code point at a time. Everything but find_invalid() and lossy() takes valid UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace presswork::modelkit::utf8 {

// Byte offset of the first byte that belongs to no well-formed sequence (Unicode 15, table 3-7: no
// surrogates, no overlong forms, nothing above U+10FFFF), or npos.
std::size_t find_invalid(std::string_view text);

// Bytes of the sequence that starts with `lead`.
inline std::size_t length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

inline bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The code point that starts at `at`, and the one that ends before `at`.
char32_t decode(std::string_view text, std::size_t at);
std::size_t previous(std::string_view text, std::size_t at);  // offset where the one before `at` starts

void append(std::string& out, char32_t code_point);

// `bytes` with every maximal ill-formed part replaced by U+FFFD, as Rust's from_utf8_lossy and Python's
// errors="replace" do (Unicode 15, section 3.9, "substitution of maximal subparts").
std::string lossy(std::string_view bytes);

// White_Space of the Unicode character database.
bool is_white_space(char32_t code_point);

}  // namespace presswork::modelkit::utf8
