// Any bytes as tokenizer.json: a tokenizer that encodes and decodes, or an Error.
#include "plugins/modelkit/tokenizer/tokenizer.h"

#include <cstdint>
#include <string_view>

#include "presswork/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using presswork::modelkit::Tokenizer;
  try {
    const auto tokenizer = Tokenizer::parse({reinterpret_cast<const char*>(data), size}, "tokenizer.json");
    for (const std::string_view text :
         {"Hello, world!  a1b22\n", "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80", ""}) {
      const auto ids = tokenizer.encode(text, true);
      (void)tokenizer.decode(ids, false);
      (void)tokenizer.decode(ids, true);
    }
  } catch (const presswork::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
  return 0;
}
