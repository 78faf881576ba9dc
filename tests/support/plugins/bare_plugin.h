// The least that a plugin on the C ABI needs.
#pragma once

#include <cstring>

#include "presswork/stage_abi.h"

inline int32_t bare_describe(const pw_sink* out) {
  static const char text[] = "{\"id\": \"misbehaving/bare\"}";
  out->write(out->state, text, std::strlen(text));
  return PW_OK;
}

inline int32_t bare_run(void*, const pw_context*) { return PW_OK; }

inline pw_stage bare_stage(const char* id, int32_t (*run)(void*, const pw_context*) = bare_run) {
  return {sizeof(pw_stage), 0, id, bare_describe, nullptr, nullptr, run, nullptr, nullptr};
}
