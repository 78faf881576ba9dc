// What the command tells its caller. Documented in docs/exit-codes.md.
#pragma once

#include "orchestrator/base/error.h"

namespace presswork::cli {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,  // a stage or a required check failed, or the machine did
  kUsage = 2,   // the command line, or a value or file that it names, is wrong
  kInvalidWorkflow = 3,
  kLocked = 4,         // another live process runs stages in the workspace
  kCannotFit = 5,      // a stage needs more than the machine, or the limits given, have
  kWorkToDo = 10,      // of `plan --exit-code`: something would run
  kInterrupted = 130,  // SIGINT
  kTerminated = 143,   // SIGTERM, SIGHUP
};

int exit_code(base::ErrorCode code);

}  // namespace presswork::cli
