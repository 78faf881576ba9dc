// A plugin of a stage ABI that is still to come.
#include "bare_plugin.h"

namespace {
const pw_stage stage = bare_stage("misbehaving/wrong-abi");
const pw_stage* const stages[] = {&stage};
const pw_plugin plugin = {sizeof(pw_plugin), PW_ABI_MAJOR + 1, 3, 0, 0, 1, "bare", "0.1.0", stages};
}  // namespace

extern "C" PW_EXPORT const pw_plugin* pw_plugin_v1(void) { return &plugin; }
