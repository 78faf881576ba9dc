#include "plugins/modelkit/tokenizer/byte_level.h"

#include <array>

#include "plugins/modelkit/tokenizer/utf8.h"

namespace presswork::modelkit::byte_level {

namespace {

constexpr char32_t first_stand_in = 0x100;

struct Tables {
  std::array<std::string, 256> characters;
  std::array<int, 0x200> bytes;  // -1: stands for no byte

  Tables() {
    bytes.fill(-1);
    char32_t stand_in = first_stand_in;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t character = printable ? static_cast<char32_t>(byte) : stand_in++;
      utf8::append(characters[static_cast<std::size_t>(byte)], character);
      bytes[character] = byte;
    }
  }
};

const Tables& tables() {
  static const Tables made;
  return made;
}

}  // namespace

void append_encoded(std::string& out, std::string_view text) {
  const Tables& known = tables();
  for (const char byte : text) out += known.characters[static_cast<unsigned char>(byte)];
}

std::string encode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  append_encoded(out, text);
  return out;
}

bool append_decoded(std::string& bytes, std::string_view text) {
  const Tables& known = tables();
  const std::size_t before = bytes.size();
  for (std::size_t at = 0; at < text.size(); at += utf8::length(text[at])) {
    const char32_t character = utf8::decode(text, at);
    const int byte = character < known.bytes.size() ? known.bytes[character] : -1;
    if (byte < 0) {
      bytes.resize(before);
      return false;
    }
    bytes += static_cast<char>(byte);
  }
  return true;
}

}  // namespace presswork::modelkit::byte_level
