/* The header alone, as C11: it needs nothing that a C compiler lacks. */
#include "presswork/stage_abi.h"

static int32_t run(void *instance, const pw_context *context) {
  (void)instance;
  return PW_HAS(context, pw_context, extension) && context->cancelled(context) ? PW_CANCELLED : PW_OK;
}

int32_t use(const pw_context *context);
int32_t use(const pw_context *context) { return run(NULL, context); }
