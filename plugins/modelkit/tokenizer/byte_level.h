// The alphabet of byte-level BPE (GPT-2): every byte has one printable character, so that any text is a text
// over 256 characters. Printable Latin-1 bytes stand for themselves, the others for U+0100 and up, in order.
#pragma once

#include <string>
#include <string_view>

namespace presswork::modelkit::byte_level {

// Each byte of `text` as its character.
std::string encode(std::string_view text);
void append_encoded(std::string& out, std::string_view text);

// The reverse, appended to `bytes`. False, and nothing appended, when a character stands for no byte.
bool append_decoded(std::string& bytes, std::string_view text);

}  // namespace presswork::modelkit::byte_level
