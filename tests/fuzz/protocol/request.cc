// Any bytes as a request to a host: a request whose inputs all have paths, or none.
#include "orchestrator/host/request.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = presswork::host::parse_request({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  for (const auto& [name, input] : request->inputs.items()) {
    if (!input.at("path").is_string()) __builtin_trap();
  }
  return 0;
}
