// Ctrl-C, SIGTERM and SIGHUP as a request to stop: the first stops cleanly, the second kills.
#pragma once

#include "orchestrator/engine/run.h"
#include "orchestrator/executor/executor.h"

namespace presswork::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP raise `stop` and wake the executor. SIGHUP stays ignored where
// it is ignored already (nohup). One at a time.
class Signals {
 public:
  Signals(engine::StopRequest& stop, executor::Executor& executor);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int first() const;      // the first signal that came; 0: none
  int exit_code() const;  // 130, 143, or 0
};

// A reader that goes away is an error of write(), not the end of the process.
void ignore_broken_pipes();

}  // namespace presswork::cli
