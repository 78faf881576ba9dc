// A plugin on the bare C ABI that lets a C++ exception out of run().
#include <stdexcept>

#include "bare_plugin.h"

namespace {
int32_t run(void*, const pw_context*) { throw std::runtime_error("straight through"); }
const pw_stage stage = bare_stage("misbehaving/throws-across", run);
const pw_stage* const stages[] = {&stage};
const pw_plugin plugin = {sizeof(pw_plugin), PW_ABI_MAJOR, PW_ABI_MINOR, 0, 0, 1, "bare", "0.1.0", stages};
}  // namespace

extern "C" PW_EXPORT const pw_plugin* pw_plugin_v1(void) { return &plugin; }
