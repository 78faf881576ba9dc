// The header alone, as C++11.
#include "presswork/stage_abi.h"

int32_t use(const pw_context* context);
int32_t use(const pw_context* context) {
  return PW_HAS(context, pw_context, extension) && context->cancelled(context) ? PW_CANCELLED : PW_OK;
}
