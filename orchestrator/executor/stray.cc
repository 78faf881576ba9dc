#include "orchestrator/executor/stray.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "orchestrator/executor/executor.h"
#include "orchestrator/executor/spawn.h"

namespace presswork::executor {

namespace {

// A process that forks faster than we kill is stopped by rounds that each take all that exist.
constexpr int max_rounds = 200;
constexpr int death_wait_ms = 2000;

std::string read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string read_proc(pid_t pid, const char* name) {
  return read_file("/proc/" + std::to_string(pid) + "/" + name);
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return pids;
  while (const dirent* entry = ::readdir(proc)) {
    char* end = nullptr;
    const long pid = std::strtol(entry->d_name, &end, 10);
    if (pid > 0 && *end == '\0') pids.push_back(static_cast<pid_t>(pid));
  }
  ::closedir(proc);
  return pids;
}

// The main thread's children: those that were handed over are among them (kernel/exit.c, find_new_reaper).
// Only we take any away, so that none is missed while the list is read. Kernels built without the list make
// us look at every process.
std::vector<pid_t> possible_children() {
  const pid_t self = ::getpid();
  const std::string path = "/proc/self/task/" + std::to_string(self) + "/children";
  if (::access(path.c_str(), R_OK) != 0) return all_processes();
  const std::string text = read_file(path);
  std::vector<pid_t> pids;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    const long pid = std::strtol(at, &end, 10);
    if (end == at) break;
    pids.push_back(static_cast<pid_t>(pid));
    at = end + (*end == ' ' ? 1 : 0);
  }
  return pids;
}

struct ProcessState {
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
};

ProcessState state_of(pid_t pid) {
  ProcessState result;
  const std::string stat = read_proc(pid, "stat");
  // The name, in parentheses, may hold anything: the fields start after the last ')'.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return result;
  int parent = 0, group = 0, session = 0;
  if (std::sscanf(stat.c_str() + name_end + 1, " %c %d %d %d", &result.state, &parent, &group, &session) ==
      4) {
    result.parent = parent;
    result.group = group;
    result.session = session;
  }
  return result;
}

// The attempt that a process says it is of, or "". Environments are blocks of NUL-terminated "NAME=value".
std::string attempt_of(pid_t pid) {
  constexpr std::string_view name = "PRESSWORK_ATTEMPT=";
  const std::string environment = read_proc(pid, "environ");
  for (std::size_t at = 0; at < environment.size();) {
    const std::string_view entry = environment.c_str() + at;
    if (entry.starts_with(name)) return std::string(entry.substr(name.size()));
    at += entry.size() + 1;
  }
  return {};
}

// Kills `pid` if `still_meant`, and waits for its end. A pidfd keeps the number from meaning another process.
bool end_process(pid_t pid, const std::function<bool()>& still_meant) {
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process || !still_meant()) return false;
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) return false;
  pollfd ended{process.get(), POLLIN, 0};
  while (::poll(&ended, 1, death_wait_ms) < 0 && errno == EINTR) {
  }
  return true;
}

bool is_leftover(pid_t pid, const ProcessState& state, pid_t group, const std::string& attempt, bool alone) {
  if (state.group == group) return true;
  const std::string said = attempt_of(pid);
  return said == attempt || (alone && said.empty() && state.session != ::getsid(0));
}

// One round over this process's children. Returns how many strays were found.
int end_leftovers_once(pid_t group, const std::string& attempt, const Neighbours& neighbours) {
  const pid_t self = ::getpid();
  int found = 0;
  for (const pid_t pid : possible_children()) {
    if (neighbours.is_host(pid)) continue;
    const ProcessState state = state_of(pid);
    if (state.parent != self) continue;
    if (state.state == 'Z') {
      ::waitpid(pid, nullptr, WNOHANG);
      continue;
    }
    if (!is_leftover(pid, state, group, attempt, neighbours.alone)) continue;
    ++found;
    end_process(pid, [] { return true; });  // our own child: its number is not reused before we reap it
    ::waitpid(pid, nullptr, WNOHANG);
  }
  return found;
}

}  // namespace

void end_leftovers(pid_t group, const std::string& attempt, const Neighbours& neighbours) {
  for (int round = 0; round < max_rounds; ++round) {
    if (!has_children() || end_leftovers_once(group, attempt, neighbours) == 0) return;
  }
}

bool has_children() {
  siginfo_t info;
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

std::size_t reap_strays(const std::set<std::string>& attempts) {
  std::size_t killed = 0;
  if (attempts.empty()) return killed;
  const pid_t self = ::getpid();
  const auto is_meant = [&](pid_t pid) {
    const std::string attempt = attempt_of(pid);
    return !attempt.empty() && attempts.contains(attempt);
  };
  for (int round = 0; round < max_rounds; ++round) {
    std::size_t found = 0;
    for (const pid_t pid : all_processes()) {
      if (pid == self || !is_meant(pid)) continue;
      if (end_process(pid, [&] { return is_meant(pid); })) ++found;
      if (state_of(pid).parent == self) ::waitpid(pid, nullptr, WNOHANG);
    }
    killed += found;
    if (found == 0) return killed;
  }
  return killed;
}

}  // namespace presswork::executor
