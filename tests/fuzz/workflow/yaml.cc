// Any bytes as a workflow: either it is read, or one Error says why not; rendering the error works too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "orchestrator/workflow/workflow.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    // Also what is at fault may be checked further.
    static const auto no_stages = presswork::plugins::make_catalogue({});
    presswork::workflow::Faults faults;
    const auto read = presswork::workflow::parse(text, "fuzz.yaml", faults);
    if (read) presswork::workflow::check(*read, *no_stages, faults);

    const auto workflow = presswork::workflow::parse(text, "fuzz.yaml");
    presswork::workflow::resolve_params(workflow, nullptr, "/");
  } catch (const presswork::base::Error& error) {
    if (presswork::base::render(error).empty()) __builtin_trap();
  }
  return 0;
}
