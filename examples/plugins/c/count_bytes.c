/* A stage in C, on the bare ABI: counts the bytes of a text file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "presswork/stage_abi.h"

static int32_t describe(const pw_sink *out) {
  static const char text[] =
      "{\"id\": \"example/count-bytes\", \"title\": \"Count bytes\","
      " \"description\": \"Counts the bytes of a file, up to a limit.\","
      " \"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
      "   \"limit\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 0,"
      "               \"description\": \"Stop after so many bytes; 0 = no limit.\"}}},"
      " \"inputs\": {\"text\": {\"type\": \"text\", \"description\": \"The file.\"}},"
      " \"metrics\": {\"bytes\": {\"type\": \"integer\", \"unit\": \"B\", \"description\": \"How many.\"}}}";
  out->write(out->state, text, strlen(text));
  return PW_OK;
}

static int32_t fail_to(const pw_context *context, const char *action, const char *path) {
  char message[512];
  snprintf(message, sizeof message, "cannot %s it: %s", action, strerror(errno));
  context->fail(context, "io", path, message, "check the file and its permissions");
  return PW_FAILED;
}

static int32_t run(void *instance, const pw_context *context) {
  char buffer[65536], number[32];
  double limit = 0;
  size_t total = 0, got;
  const char *path = context->input(context, "text");
  FILE *file = fopen(path, "rb");
  (void)instance;
  if (file == NULL) return fail_to(context, "open", path);
  context->parameter_number(context, "/limit", &limit);
  while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) {
    total += got;
    if (limit > 0 && (double)total >= limit) {
      total = (size_t)limit;
      break;
    }
    if (context->cancelled(context)) {
      fclose(file);
      return PW_CANCELLED;
    }
    context->progress(context, (double)total, 0, "bytes");
  }
  if (ferror(file)) {
    fclose(file);
    return fail_to(context, "read", path);
  }
  fclose(file);
  snprintf(number, sizeof number, "%zu", total);
  context->metric(context, "bytes", number);
  return PW_OK;
}

/* No state: neither create nor destroy. No estimates, nothing to roll back. */
static const pw_stage count_bytes = {sizeof(pw_stage), 0, "example/count-bytes", describe, NULL, NULL, run, NULL,
                                     NULL};
static const pw_stage *const stages[] = {&count_bytes};
static const pw_plugin plugin = {sizeof(pw_plugin), PW_ABI_MAJOR, PW_ABI_MINOR, 0, 0, 1, "example-c", "1.0.0",
                                 stages};

PW_EXPORT const pw_plugin *pw_plugin_v1(void) { return &plugin; }
