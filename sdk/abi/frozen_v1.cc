// Version 1 of the stage ABI, pinned down to each offset, type and constant. It is compiled with every build:
// when an assertion here fails, the header broke plugins that are out in the world. Lines are added when a
// struct grows at its end; no line is ever changed. (abidiff alone missed swapped enum values, and layouts
// when debug information was absent.)
#include <type_traits>

#include "presswork/stage_abi.h"

// 64-bit pointers are part of the layout below.
static_assert(sizeof(void*) == 8 && sizeof(void (*)()) == 8, "a 64-bit platform");

#define FROZEN(type, field, offset, field_type)                                                          \
  static_assert(offsetof(type, field) == (offset), #type "." #field " moved");                           \
  static_assert(std::is_same<decltype(type::field), field_type>::value, #type "." #field " changed its " \
                                                                                         "type")

FROZEN(pw_sink, struct_size, 0, uint32_t);
FROZEN(pw_sink, reserved, 4, uint32_t);
FROZEN(pw_sink, state, 8, void*);
using pw_sink_write = void (*)(void*, const char*, size_t);
FROZEN(pw_sink, write, 16, pw_sink_write);
static_assert(sizeof(pw_sink) >= 24 && alignof(pw_sink) == 8, "pw_sink shrank");
static_assert(std::is_standard_layout<pw_sink>::value, "pw_sink is plain C");

FROZEN(pw_context, struct_size, 0, uint32_t);
FROZEN(pw_context, abi_major, 4, uint16_t);
FROZEN(pw_context, abi_minor, 6, uint16_t);
FROZEN(pw_context, state, 8, void*);
using pw_context_parameters = const char* (*)(const pw_context*);
FROZEN(pw_context, parameters, 16, pw_context_parameters);
using pw_context_parameter_number = int32_t (*)(const pw_context*, const char*, double*);
FROZEN(pw_context, parameter_number, 24, pw_context_parameter_number);
using pw_context_parameter_boolean = int32_t (*)(const pw_context*, const char*, int32_t*);
FROZEN(pw_context, parameter_boolean, 32, pw_context_parameter_boolean);
using pw_context_parameter_text = const char* (*)(const pw_context*, const char*);
FROZEN(pw_context, parameter_text, 40, pw_context_parameter_text);
using pw_context_input = const char* (*)(const pw_context*, const char*);
FROZEN(pw_context, input, 48, pw_context_input);
using pw_context_inputs = const char* (*)(const pw_context*);
FROZEN(pw_context, inputs, 56, pw_context_inputs);
using pw_context_work_dir = const char* (*)(const pw_context*);
FROZEN(pw_context, work_dir, 64, pw_context_work_dir);
using pw_context_scratch_dir = const char* (*)(const pw_context*);
FROZEN(pw_context, scratch_dir, 72, pw_context_scratch_dir);
using pw_context_seed = uint64_t (*)(const pw_context*);
FROZEN(pw_context, seed, 80, pw_context_seed);
using pw_context_threads = uint32_t (*)(const pw_context*);
FROZEN(pw_context, threads, 88, pw_context_threads);
using pw_context_memory = uint64_t (*)(const pw_context*);
FROZEN(pw_context, memory, 96, pw_context_memory);
using pw_context_log = void (*)(const pw_context*, int32_t, const char*);
FROZEN(pw_context, log, 104, pw_context_log);
using pw_context_progress = void (*)(const pw_context*, double, double, const char*);
FROZEN(pw_context, progress, 112, pw_context_progress);
using pw_context_metric = void (*)(const pw_context*, const char*, const char*);
FROZEN(pw_context, metric, 120, pw_context_metric);
using pw_context_cancelled = int32_t (*)(const pw_context*);
FROZEN(pw_context, cancelled, 128, pw_context_cancelled);
using pw_context_output = void (*)(const pw_context*, const char*, const char*, uint32_t);
FROZEN(pw_context, output, 136, pw_context_output);
using pw_context_fail = void (*)(const pw_context*, const char*, const char*, const char*, const char*);
FROZEN(pw_context, fail, 144, pw_context_fail);
using pw_context_extension = const void* (*)(const pw_context*, const char*, uint32_t);
FROZEN(pw_context, extension, 152, pw_context_extension);
static_assert(sizeof(pw_context) >= 160 && alignof(pw_context) == 8, "pw_context shrank");
static_assert(std::is_standard_layout<pw_context>::value, "pw_context is plain C");

FROZEN(pw_run_facts_v1, struct_size, 0, uint32_t);
FROZEN(pw_run_facts_v1, reserved, 4, uint32_t);
using pw_run_facts_v1_json = const char* (*)(const pw_context*);
FROZEN(pw_run_facts_v1, json, 8, pw_run_facts_v1_json);
static_assert(sizeof(pw_run_facts_v1) >= 16 && alignof(pw_run_facts_v1) == 8, "pw_run_facts_v1 shrank");
static_assert(std::is_standard_layout<pw_run_facts_v1>::value, "pw_run_facts_v1 is plain C");

FROZEN(pw_stage, struct_size, 0, uint32_t);
FROZEN(pw_stage, reserved, 4, uint32_t);
FROZEN(pw_stage, id, 8, const char*);
using pw_stage_describe = int32_t (*)(const pw_sink*);
FROZEN(pw_stage, describe, 16, pw_stage_describe);
using pw_stage_create = int32_t (*)(const pw_context*, void**);
FROZEN(pw_stage, create, 24, pw_stage_create);
using pw_stage_plan = int32_t (*)(void*, const pw_context*, const pw_sink*);
FROZEN(pw_stage, plan, 32, pw_stage_plan);
using pw_stage_run = int32_t (*)(void*, const pw_context*);
FROZEN(pw_stage, run, 40, pw_stage_run);
using pw_stage_rollback = int32_t (*)(void*, const pw_context*);
FROZEN(pw_stage, rollback, 48, pw_stage_rollback);
using pw_stage_destroy = void (*)(void*);
FROZEN(pw_stage, destroy, 56, pw_stage_destroy);
static_assert(sizeof(pw_stage) >= 64 && alignof(pw_stage) == 8, "pw_stage shrank");
static_assert(std::is_standard_layout<pw_stage>::value, "pw_stage is plain C");

FROZEN(pw_plugin, struct_size, 0, uint32_t);
FROZEN(pw_plugin, abi_major, 4, uint16_t);
FROZEN(pw_plugin, abi_minor, 6, uint16_t);
FROZEN(pw_plugin, min_host_minor, 8, uint16_t);
FROZEN(pw_plugin, reserved, 10, uint16_t);
FROZEN(pw_plugin, stage_count, 12, uint32_t);
FROZEN(pw_plugin, name, 16, const char*);
FROZEN(pw_plugin, version, 24, const char*);
FROZEN(pw_plugin, stages, 32, const pw_stage* const*);
static_assert(sizeof(pw_plugin) >= 40 && alignof(pw_plugin) == 8, "pw_plugin shrank");
static_assert(std::is_standard_layout<pw_plugin>::value, "pw_plugin is plain C");

static_assert(PW_ABI_MAJOR == 1, "PW_ABI_MAJOR changed");
static_assert(PW_OK == 0, "PW_OK changed");
static_assert(PW_FAILED == 1, "PW_FAILED changed");
static_assert(PW_CANCELLED == 2, "PW_CANCELLED changed");
static_assert(PW_UNSUPPORTED == 3, "PW_UNSUPPORTED changed");
static_assert(PW_LOG_DEBUG == 0, "PW_LOG_DEBUG changed");
static_assert(PW_LOG_INFO == 1, "PW_LOG_INFO changed");
static_assert(PW_LOG_WARNING == 2, "PW_LOG_WARNING changed");
static_assert(PW_LOG_ERROR == 3, "PW_LOG_ERROR changed");
static_assert(PW_OUTPUT_PRODUCED == 0, "PW_OUTPUT_PRODUCED changed");
static_assert(PW_OUTPUT_REFERENCE == 1, "PW_OUTPUT_REFERENCE changed");
static_assert(PW_ABI_MINOR >= 0, "the minor version only grows");

namespace {
constexpr bool same(const char* a, const char* b) { return *a == *b && (*a == 0 || same(a + 1, b + 1)); }
}  // namespace
static_assert(same(PW_ENTRY_POINT, "pw_plugin_v1"), "the entry point was renamed");
static_assert(same(PW_EXTENSION_RUN_FACTS, "presswork.run"), "an extension was renamed");
static_assert(std::is_same<pw_plugin_v1_fn, const pw_plugin* (*)()>::value, "the entry point changed");
static_assert(std::is_same<decltype(&pw_plugin_v1), pw_plugin_v1_fn>::value, "the entry point changed");
