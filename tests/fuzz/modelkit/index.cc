// Any bytes as model.safetensors.index.json: plain file names, or an Error.
#include <cstdint>
#include <string_view>

#include "plugins/modelkit/checkpoint/shard_index.h"
#include "presswork/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto index = presswork::modelkit::parse_shard_index({reinterpret_cast<const char*>(data), size},
                                                              "model.safetensors.index.json");
    for (const auto& [tensor, file] : index) {
      if (file.empty() || file == ".." || file.find('/') != std::string::npos) __builtin_trap();
    }
  } catch (const presswork::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
  return 0;
}
