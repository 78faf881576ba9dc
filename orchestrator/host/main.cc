// presswork-host: a child process that loads one plugin, makes one call, and ends. Started by the executor
// only; see protocol.h.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <new>
#include <string>

#include "orchestrator/host/call.h"
#include "orchestrator/host/channel.h"
#include "orchestrator/host/protocol.h"

namespace {

void on_terminate(int) { presswork::host::request_cancellation(); }

// The parent died. Its end of the socket closes as well, but a plugin may have stopped the watching thread.
void on_parent_death(int) { ::kill(0, SIGKILL); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

// The largest resident size of this program, or of a child that it waited for. Not ru_maxrss of this process:
// that starts from what the parent had when it spawned us.
std::uint64_t peak_memory_bytes() {
  std::uint64_t kib = 0;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> kib) break;
  }
  struct rusage children {};
  ::getrusage(RUSAGE_CHILDREN, &children);
  return std::max(kib, static_cast<std::uint64_t>(children.ru_maxrss)) * 1024;
}

presswork::host::Json perform_within_memory(const presswork::host::Request& request,
                                            presswork::host::Channel& channel) {
  try {
    return presswork::host::perform(request, channel);
  } catch (const std::bad_alloc&) {
    return {{"event", "done"},
            {"status", "failed"},
            {"code", "out_of_memory"},
            {"message", "the host ran out of memory"},
            {"where", ""},
            {"hint", ""}};
  }
}

// Starts from a known state, whatever the parent blocked or ignored.
void prepare_process() {
  ::setpgid(0, 0);  // the executor has done so already; alone, we must not kill the caller's group
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2}) handle(signal, SIG_DFL);
  handle(SIGTERM, on_terminate);
  const int parent_died = SIGRTMAX - 1;
  handle(parent_died, on_parent_death);
  ::prctl(PR_SET_PDEATHSIG, parent_died);
  ::umask(022);
}

}  // namespace

int main() {
  using namespace presswork::host;
  struct stat control {};
  if (::fstat(control_descriptor, &control) != 0 || !S_ISSOCK(control.st_mode)) {
    std::fputs("presswork-host is started by presswork; there is nothing to do by hand\n", stderr);
    return exit_bad_request;
  }
  prepare_process();
  Channel channel(control_descriptor);
  std::string line;
  if (!channel.read_request(line)) return exit_bad_request;
  const auto request = parse_request(line);
  if (!request) {
    std::fputs("presswork-host: the request is malformed\n", stderr);
    return exit_bad_request;
  }
  channel.set_nonce(request->nonce);
  if (!request->work_dir.empty() && ::chdir(request->work_dir.c_str()) != 0) {
    std::perror("presswork-host: cannot enter the work folder");
    return exit_bad_request;
  }
  channel.watch();
  Json done = perform_within_memory(*request, channel);
  done["peak_memory_bytes"] = peak_memory_bytes();
  std::fflush(nullptr);  // what the stage printed; _exit would lose it
  channel.send(done);
  // Not exit(): destructors and exit handlers of a plugin must not run after the call is over.
  ::_exit(exit_done);
}
