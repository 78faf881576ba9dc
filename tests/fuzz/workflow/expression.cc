// Any bytes as an expression: parsed, checked and evaluated with names of every type, or refused with an
// Error.
#include "orchestrator/workflow/expression.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using presswork::base::Json;
using presswork::workflow::Name;
using presswork::workflow::Type;

// The last letter of a name picks its value; "z" has none.
std::optional<Json> value_of(const Name& name) {
  static const std::array<Json, 8> values{Json(true),   Json(7),          Json(-2.5),    Json("text"),
                                          Json({1, 2}), Json({{"k", 1}}), Json(nullptr), Json(UINT64_MAX)};
  const char last = name.parts.back().back();
  if (last == 'z') return {};
  return values[static_cast<std::size_t>(last) % values.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const presswork::base::Where where{"fuzz.yaml", 1, 3, std::string(text.substr(0, text.find('\n')))};
  try {
    const auto expression = presswork::workflow::Expression::parse(text, where);
    expression.check([](const Name&) { return Type::any; });
    (void)expression.evaluate(value_of).dump(-1, ' ', false, Json::error_handler_t::replace);
  } catch (const presswork::base::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
  return 0;
}
