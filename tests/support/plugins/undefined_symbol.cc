// A plugin that uses a function that nobody defines.
#include "bare_plugin.h"

extern "C" int32_t presswork_test_nobody_defines_this(void);

namespace {
int32_t run(void*, const pw_context*) { return presswork_test_nobody_defines_this(); }
const pw_stage stage = bare_stage("misbehaving/undefined-symbol", run);
const pw_stage* const stages[] = {&stage};
const pw_plugin plugin = {sizeof(pw_plugin), PW_ABI_MAJOR, PW_ABI_MINOR, 0, 0, 1, "bare", "0.1.0", stages};
}  // namespace

extern "C" PW_EXPORT const pw_plugin* pw_plugin_v1(void) { return &plugin; }
