// presswork-host: a child process that loads one plugin, makes one call, and ends; or, with --serve PLUGIN, a
// fork server that makes such processes by copying itself. Started by the executor only; see protocol.h.
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
#include <string_view>

#include "orchestrator/host/call.h"
#include "orchestrator/host/channel.h"
#include "orchestrator/host/protocol.h"
#include "orchestrator/host/server.h"

namespace {

using namespace presswork::host;

void on_terminate(int) { request_cancellation(); }

// The parent died. Its end of the socket closes as well, but a plugin may have stopped the watching thread.
void on_parent_death(int) { ::kill(0, SIGKILL); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

// The largest resident size of this program, or of a child that it waited for. Where this process was made by
// exec, not by copying a fork server, ru_maxrss starts from what the parent had: then the kernel's own mark
// of this address space is asked for, which takes longer.
std::uint64_t peak_memory_bytes(bool copied) {
  struct rusage self {
  }, children{};
  ::getrusage(RUSAGE_SELF, &self);
  ::getrusage(RUSAGE_CHILDREN, &children);
  std::uint64_t kib = copied ? static_cast<std::uint64_t>(self.ru_maxrss) : 0;
  std::ifstream status;
  if (!copied) status.open("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> kib) break;
  }
  return std::max(kib, static_cast<std::uint64_t>(children.ru_maxrss)) * 1024;
}

// What counts is memory of its own that a process can write to; a model that is mapped to be read does not.
void limit_memory(std::uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) {
    std::perror("presswork-host: cannot limit the memory");
    ::_exit(exit_bad_request);
  }
}

// `plugin`: null when it is still to be loaded.
Json perform_within_memory(const Request& request, Channel& channel, const LoadedPlugin* plugin) {
  try {
    return plugin == nullptr ? perform(request, channel) : perform(request, channel, *plugin);
  } catch (const std::bad_alloc&) {
    return {{"event", "done"},
            {"status", "failed"},
            {"code", "out_of_memory"},
            {"message", "the host ran out of memory"},
            {"where", ""},
            {"hint", ""}};
  }
}

const int parent_died = SIGRTMAX - 1;

// Starts from a known state, whatever the parent blocked or ignored.
void prepare_process() {
  ::setpgid(0, 0);  // the executor has done so already; alone, we must not kill the caller's group
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2}) handle(signal, SIG_DFL);
  handle(SIGTERM, on_terminate);
  handle(parent_died, on_parent_death);
  ::umask(022);
}

// One attempt, from the request to the end of the process.
[[noreturn]] void attempt(int descriptor, const LoadedPlugin* plugin) {
  ::prctl(PR_SET_PDEATHSIG, parent_died);
  Channel channel(descriptor);
  std::string line;
  if (!channel.read_request(line)) ::_exit(exit_bad_request);
  const auto request = parse_request(line);
  if (!request) {
    std::fputs("presswork-host: the request is malformed\n", stderr);
    ::_exit(exit_bad_request);
  }
  channel.set_nonce(request->nonce);
  if (!request->work_dir.empty() && ::chdir(request->work_dir.c_str()) != 0) {
    std::perror("presswork-host: cannot enter the work folder");
    ::_exit(exit_bad_request);
  }
  channel.watch();
  if (request->enforce_memory && request->memory > 0) limit_memory(request->memory);
  Json done = perform_within_memory(*request, channel, plugin);
  done["peak_memory_bytes"] = peak_memory_bytes(plugin != nullptr);
  std::fflush(nullptr);  // what the stage printed; _exit would lose it
  channel.send(done);
  // Not exit(): destructors and exit handlers of a plugin must not run after the call is over.
  ::_exit(exit_done);
}

}  // namespace

int main(int count, char** arguments) {
  struct stat control {};
  if (::fstat(control_descriptor, &control) != 0 || !S_ISSOCK(control.st_mode)) {
    std::fputs("presswork-host is started by presswork; there is nothing to do by hand\n", stderr);
    return exit_bad_request;
  }
  prepare_process();
  if (count == 3 && std::string_view(arguments[1]) == "--serve") {
    const ServedCall call = serve(arguments[2]);
    attempt(call.socket, &call.plugin);
  }
  attempt(control_descriptor, nullptr);
}
