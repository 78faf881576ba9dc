// How a request ended, judged from everything that is known once its process is gone.
#pragma once

#include "orchestrator/executor/event_stream.h"
#include "orchestrator/executor/executor.h"

namespace presswork::executor {

struct Evidence {
  bool timed_out = false;
  bool cancelled = false;             // cancel() or kill() was called
  bool forced = false;                // we sent SIGKILL
  bool kernel_out_of_memory = false;  // the kernel killed for memory since this host started
  int exit_status = -1;               // or -1
  int signal = 0;                     // or 0
};

// Fills ending, code, message, where, hint, outputs and document. A finished success counts even when the
// cancellation or the timeout came first: the work is whole.
Outcome judge(const StageRequest& request, const EventStream& stream, const Evidence& evidence);

}  // namespace presswork::executor
