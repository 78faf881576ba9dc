#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct CancelOptions {
  std::string run;
  bool kill = false;
  bool wait = false;
  std::string timeout;
};

// A process that cannot become another one while it is held.
class ProcessHandle {
 public:
  explicit ProcessHandle(pid_t pid) : descriptor_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~ProcessHandle() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  ProcessHandle(const ProcessHandle&) = delete;
  ProcessHandle& operator=(const ProcessHandle&) = delete;

  bool valid() const { return descriptor_ >= 0; }
  void send(int signal) const {
    if (::syscall(SYS_pidfd_send_signal, descriptor_, signal, nullptr, 0) == 0 || errno == ESRCH) return;
    throw base::system_error("send a signal to", "the run's process", errno);
  }
  // True when it has ended; false when the time is over. Negative: no limit.
  bool wait(int milliseconds) const {
    pollfd ended{descriptor_, POLLIN, 0};
    int got = 0;
    do got = ::poll(&ended, 1, milliseconds);
    while (got < 0 && errno == EINTR);
    return got > 0;
  }

 private:
  int descriptor_;
};

[[noreturn]] void not_running(Session& session, const store::RunRow& run) {
  const std::string hint = run.state == "interrupted"
                               ? "go on with `presswork resume " + run.id + session.same_arguments() + "`"
                               : "`presswork ps` shows what runs";
  throw Error(ErrorCode::invalid_input, run.id + " is not running: it is " + run.state, hint);
}

std::string said(const Session& session, const store::RunRow& run, bool ended, bool late,
                 const CancelOptions& options) {
  if (ended)
    return run.id + " has stopped; go on with: presswork resume " + run.id + session.same_arguments();
  const std::string told = options.kill ? " is told to kill its stages and end" : " is told to stop";
  if (late) {
    return run.id + told + ", and has not ended after " + options.timeout +
           (options.kill ? "" : " (--kill is faster)");
  }
  if (options.kill) return run.id + told;
  return run.id + told + "; its stages may take a moment (--wait waits for it, --kill is faster)";
}

int cancel(Session& session, const CancelOptions& options) {
  const store::RunRow run = session.find_run(options.run);  // "running" only while its process lives
  if (run.state != "running") not_running(session, run);
  int timeout = -1;
  if (!options.timeout.empty()) {
    const auto time = base::parse_duration(options.timeout);
    if (!time)
      throw Error(ErrorCode::usage, "--timeout needs a time like 30s or 5m, not \"" + options.timeout + "\"");
    timeout = static_cast<int>(std::min<long long>(time->count(), 1 << 30));
  }
  // First the handle, then the look at who holds the lock (by boot, pid and start time): if that is still the
  // process, the handle is its, and no other can get the signal.
  const auto before = store::lock_holder(session.workspace());
  if (!before) not_running(session, session.find_run(run.id));
  const ProcessHandle process(static_cast<pid_t>(before->pid));
  const auto holder = store::lock_holder(session.workspace());
  if (!process.valid() || !holder || holder->pid != before->pid)
    not_running(session, session.find_run(run.id));
  process.send(SIGINT);
  // Another signal: two of the same kind could become one.
  if (options.kill) process.send(SIGTERM);
  const bool ended = (options.wait || timeout >= 0) && process.wait(timeout);
  const bool late = timeout >= 0 && !ended;
  if (session.options().json) {
    session.output().json(
        {{"run", run.id}, {"pid", holder->pid}, {"killed", options.kill}, {"ended", ended}});
  } else {
    session.screen().print(said(session, run, ended, late, options));
  }
  return late ? kFailed : kOk;
}

}  // namespace

Verb cancel_verb() {
  return {
      "cancel", "Stop a run that is going on",
      "Stops RUN, or the run that is going on, from another terminal, as Ctrl-C in its own would: running "
      "stages are asked to end, nothing new is started, what is finished is kept, and `presswork resume` "
      "goes on with it. Exit code 1 when it has not ended after --timeout.",
      "  presswork cancel r3 --wait\n  presswork cancel r3 --kill",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<CancelOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->type_name("");
        app.add_flag("--kill", options->kill, "Kill its stages at once, as a second Ctrl-C would");
        app.add_flag("--wait", options->wait, "Wait until it has ended");
        app.add_option("--timeout", options->timeout, "Wait so long at most, like 30s")->type_name("TIME");
        return [options](Session& session) { return cancel(session, *options); };
      }};
}

}  // namespace presswork::cli
