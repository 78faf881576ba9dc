// Any bytes as JSON Lines: documents that together are no longer than the input, or an Error with its place.
#include "plugins/modelkit/data/json_lines.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "presswork/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    std::size_t bytes = 0;
    for (const auto& document : presswork::modelkit::parse_json_lines(text, "fuzz.jsonl")) {
      bytes += document.size();
    }
    if (bytes > size) __builtin_trap();
  } catch (const presswork::Error& error) {
    if (error.message.empty() || !error.where.starts_with("fuzz.jsonl:")) __builtin_trap();
  }
  return 0;
}
