/*
 * The Presswork stage ABI, version 1: the whole contract between the host and a stage plugin.
 *
 * A plugin is a shared library that exports exactly one symbol, pw_plugin_v1(), and offers one or more
 * stages. A host process loads one plugin, calls the stage functions below on one thread, in the order
 *
 *     describe()                              any time, without an instance
 *     create() -> plan()      -> destroy()    estimates only; writes nothing
 *     create() -> run()       -> destroy()    the work
 *     create() -> rollback()  -> destroy()    undoes effects outside the outputs; idempotent, in a new process
 *
 * and ends without ever unloading the library.
 *
 * Rules that hold everywhere
 *
 * - Growth: every struct starts with struct_size, the size its writer knew. Structs grow only at the end. A
 *   reader uses a field only if struct_size covers it (PW_HAS). Nothing is ever moved, renumbered or reused.
 * - Ownership: what the host hands over (context, text, paths) is borrowed until the call returns. Text that a
 *   plugin gives out goes through a host-owned pw_sink and is copied at once. destroy() frees what create()
 *   made. No memory is allocated on one side and freed on the other.
 * - Text is UTF-8. `const char *` arguments end in NUL.
 * - Threads: the host calls a stage from one thread. A stage may start threads and call the context from any
 *   of them; the context's functions are thread-safe.
 * - No C++ exception and no longjmp may cross this border.
 * - A stage never calls exit(), never changes the working directory, the signal mask or the locale, and prints
 *   nothing to stdout (stderr is kept in the stage's log).
 *
 * Compiles as C11 and as C++11, with C headers only.
 */
#ifndef PRESSWORK_STAGE_ABI_H
#define PRESSWORK_STAGE_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Major: changes when an old plugin can no longer be loaded. Minor: counts the additions. */
#define PW_ABI_MAJOR 1
#define PW_ABI_MINOR 0

/* True if the struct behind `p` is large enough, by its own account, to hold `field`. */
#define PW_HAS(p, type, field) ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field))

/* What a stage function returns. */
enum {
  PW_OK = 0,
  PW_FAILED = 1,     /* after fail() said why */
  PW_CANCELLED = 2,  /* cancelled() had become true and the stage stopped; its scratch can be resumed */
  PW_UNSUPPORTED = 3 /* this stage has no such operation (plan, rollback) */
};

/* Severity of a log line. */
enum { PW_LOG_DEBUG = 0, PW_LOG_INFO = 1, PW_LOG_WARNING = 2, PW_LOG_ERROR = 3 };

/* Flags of pw_context.output(). */
enum {
  PW_OUTPUT_PRODUCED = 0, /* `path` is inside work_dir; the host takes it over */
  PW_OUTPUT_REFERENCE = 1 /* `path` is a file or folder elsewhere that is recorded by its digests, not copied */
};

/* Where a plugin writes text for the host. */
typedef struct pw_sink {
  uint32_t struct_size;
  uint32_t reserved;
  void *state;
  void (*write)(void *state, const char *data, size_t size);
} pw_sink;

/*
 * What the host offers to a stage during one call. All functions take the context as first argument. Functions
 * that return text return NULL when there is no such thing.
 */
typedef struct pw_context pw_context;
struct pw_context {
  uint32_t struct_size;
  uint16_t abi_major; /* of the host */
  uint16_t abi_minor;
  void *state; /* the host's own */

  /* The stage's resolved parameters: a JSON object, valid against the schema that describe() gave, with every
   * default filled in. */
  const char *(*parameters)(const pw_context *);

  /* The same, one value at a time, for stages without a JSON library. `pointer` is an RFC 6901 JSON pointer
   * ("/group_size"). Return 1 and set *value, or 0 when it is absent or of another type. */
  int32_t (*parameter_number)(const pw_context *, const char *pointer, double *value);
  int32_t (*parameter_boolean)(const pw_context *, const char *pointer, int32_t *value);
  const char *(*parameter_text)(const pw_context *, const char *pointer);

  /* Absolute path of an input artifact (a file or a folder, read-only). */
  const char *(*input)(const pw_context *, const char *name);

  /* JSON object of all inputs: {name: {"path", "type", "digest", "instance", "output"}}. */
  const char *(*inputs)(const pw_context *);

  /* A fresh, empty folder of this attempt: outputs are written here. */
  const char *(*work_dir)(const pw_context *);

  /* A folder that survives crashes and retries for as long as the same work (same cache key) is attempted:
   * progress that can be resumed is kept here. */
  const char *(*scratch_dir)(const pw_context *);

  uint64_t (*seed)(const pw_context *);    /* of every random choice */
  uint32_t (*threads)(const pw_context *); /* how many threads the stage may keep busy */
  uint64_t (*memory)(const pw_context *);  /* bytes it was admitted with; 0 = no limit stated */

  void (*log)(const pw_context *, int32_t level, const char *text);

  /* `done` of `total` units of `what` ("layers", "windows"); total 0 = unknown. Cheap: call it often. */
  void (*progress)(const pw_context *, double done, double total, const char *what);

  /* A named result: a JSON value (number, text, boolean, object, array). Numbers must be finite. */
  void (*metric)(const pw_context *, const char *name, const char *json);

  /* Non-zero once the stage should stop and return PW_CANCELLED. Cheap: call it in every loop. */
  int32_t (*cancelled)(const pw_context *);

  /* Declares that output `name` is the file or folder at `path`. Once per name. */
  void (*output)(const pw_context *, const char *name, const char *path, uint32_t flags);

  /* Why the stage is about to return PW_FAILED. `code`: a short word ("invalid_parameter"); `pointer`: JSON
   * pointer to the parameter at fault, a file or a tensor, or ""; `hint`: what to do, or "". */
  void (*fail)(const pw_context *, const char *code, const char *pointer, const char *message, const char *hint);

  /* A further area by name and revision ("presswork.run", 1), or NULL. */
  const void *(*extension)(const pw_context *, const char *id, uint32_t revision);
};

/* Extension "presswork.run", revision 1: the run so far, for stages whose description says "reads_run": true.
 * When and where, which no cache key heeds: "evidence": {"run", "workflow_file", "started", "ended", "times", "keys",
 * "files"}. A person's sign-offs, which it heeds: "approvals": [{"item", "by", "note", "made", "digests"}]. */
typedef struct pw_run_facts_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* JSON object: {"workflow", "parameters", "instances": [{"id", "uses", "state", "cause", "with", "inputs", "metrics",
   * "outputs", "seconds"}], "decisions": [{"id", "branch", "inputs"}], "checklist", "evidence"?, "approvals"?}. */
  const char *(*json)(const pw_context *);
} pw_run_facts_v1;
#define PW_EXTENSION_RUN_FACTS "presswork.run"

/* One stage. Pointers in it live as long as the library. */
typedef struct pw_stage {
  uint32_t struct_size;
  uint32_t reserved;
  const char *id; /* "quantize/rtn" */

  /* Writes the stage's description, a JSON object (schemas/stage-description.schema.json). On PW_FAILED the
   * text written is the reason instead. */
  int32_t (*describe)(const pw_sink *out);

  /* May be NULL when the stage keeps no state: `instance` is then NULL everywhere. */
  int32_t (*create)(const pw_context *, void **instance);

  /* Writes estimates as a JSON object: {"seconds", "memory_bytes", "disk_bytes", "cores", "notes": [line]},
   * each optional; notes are what it will do. NULL when the stage cannot tell. */
  int32_t (*plan)(void *instance, const pw_context *, const pw_sink *out);

  int32_t (*run)(void *instance, const pw_context *);
  int32_t (*rollback)(void *instance, const pw_context *); /* may be NULL */
  void (*destroy)(void *instance);                         /* NULL only if create is */
} pw_stage;

typedef struct pw_plugin {
  uint32_t struct_size;
  uint16_t abi_major; /* PW_ABI_MAJOR and PW_ABI_MINOR of the header it was built with */
  uint16_t abi_minor;
  uint16_t min_host_minor; /* the oldest host of that major that it can work with */
  uint16_t reserved;
  uint32_t stage_count;
  const char *name;    /* "presswork-quantization" */
  const char *version; /* "1.0.0" */
  const pw_stage *const *stages;
} pw_plugin;

#if defined(_WIN32)
#define PW_EXPORT __declspec(dllexport)
#else
#define PW_EXPORT __attribute__((visibility("default")))
#endif

#define PW_ENTRY_POINT "pw_plugin_v1"
typedef const pw_plugin *(*pw_plugin_v1_fn)(void);

/* The one exported function. Never fails; may be called more than once. */
PW_EXPORT const pw_plugin *pw_plugin_v1(void);

#ifdef __cplusplus
}
#endif

#endif /* PRESSWORK_STAGE_ABI_H */
