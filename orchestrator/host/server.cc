#include "orchestrator/host/server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <optional>

#include "orchestrator/host/channel.h"
#include "orchestrator/host/protocol.h"

namespace presswork::host {

namespace {

// One message to the server: an attempt's id, its HOME, and with them its socket and its log.
struct Order {
  std::string attempt, home;
  int socket = -1, log = -1;
};

std::optional<Order> receive_order(int control) {
  std::array<char, max_order_bytes> text{};
  alignas(cmsghdr) char room[CMSG_SPACE(2 * sizeof(int))];
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  ssize_t got = -1;
  do {
    got = ::recvmsg(control, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (got <= 0 || header == nullptr || header->cmsg_len != CMSG_LEN(2 * sizeof(int))) return std::nullopt;
  int files[2];
  std::memcpy(files, CMSG_DATA(header), sizeof files);
  const std::string all(text.data(), static_cast<std::size_t>(got));
  const std::size_t end = all.find('\0');
  if (end == std::string::npos) return std::nullopt;
  return Order{all.substr(0, end), all.substr(end + 1), files[0], files[1]};
}

void reply(int control, const std::string& text) {
  if (::send(control, text.data(), text.size(), MSG_NOSIGNAL) < 0) ::_exit(exit_done);
}

// Where the kernel clears the thread's id at its end, and writes it in a copy: glibc's own place for it.
// Without it the copy's glibc would go on with the server's thread id.
void* thread_id_address() {
  void* address = nullptr;
  return ::prctl(PR_GET_TID_ADDRESS, &address) == 0 ? address : nullptr;
}

// fork(), but the copy's parent is our own parent. glibc's fork cannot do that; what it does besides is done
// here, or needs no doing in a process with one thread: no lock is held by anybody else.
pid_t fork_for_parent(void* thread_id) {
  void* robust_head = nullptr;
  std::size_t robust_size = 0;
  ::syscall(SYS_get_robust_list, 0, &robust_head, &robust_size);
  // The last argument but one is the thread id's address on some machines, the last on others; the other one
  // is not looked at.
  const long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  const long pid = ::syscall(SYS_clone, flags, nullptr, nullptr, thread_id, thread_id);
  if (pid == 0 && robust_head != nullptr) ::syscall(SYS_set_robust_list, robust_head, robust_size);
  return static_cast<pid_t>(pid);
}

bool one_thread() {
  struct stat tasks {};
  return ::stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;  // ".", ".." and one
}

bool no_children() { return ::waitpid(-1, nullptr, WNOHANG | __WALL) < 0 && errno == ECHILD; }

bool only_these_descriptors(int control, int null) {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return false;
  bool only = true;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    only = only && (fd <= STDERR_FILENO || fd == control || fd == null || fd == ::dirfd(folder));
  }
  ::closedir(folder);
  return only;
}

// Writable memory that copies would share with each other.
bool no_shared_memory() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto at = line.find(' ');
    if (at != std::string::npos && line.size() > at + 4 && line[at + 2] == 'w' && line[at + 4] == 's')
      return false;
  }
  return true;
}

// Copies would not have it.
bool no_timer() {
  for (const auto which : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer{};
    if (::getitimer(which, &timer) != 0 || timerisset(&timer.it_value)) return false;
  }
  return true;
}

// "" when copies of this process are as good as fresh ones.
std::string unfit(int control, int null, const char* attempt, const void* thread_id) {
  if (thread_id == nullptr) return "the kernel does not tell where the thread id is kept";
  if (attempt == nullptr) return "there is no room for the attempt's id in the environment";
  if (!one_thread()) return "the plugin has started a thread";
  if (!no_children()) return "the plugin has started a process";
  if (!only_these_descriptors(control, null)) return "the plugin has opened a descriptor";
  if (!no_shared_memory()) return "the plugin has made shared memory";
  if (!no_timer()) return "the plugin has set a timer";
  return {};
}

// In the copy: makes of it what a fresh host of the attempt would be.
void become_attempt(const Order& order, int control, int null, char* attempt) {
  ::setpgid(0, 0);
  ::close(control);
  ::dup2(null, STDIN_FILENO);
  ::dup2(order.log, STDOUT_FILENO);
  ::dup2(order.log, STDERR_FILENO);
  ::close(order.log);
  ::close(null);
  // In its place: /proc/PID/environ shows the memory where the environment lay at exec.
  std::memcpy(attempt, order.attempt.data(), order.attempt.size());
  ::setenv("HOME", order.home.c_str(), 1);
  ::setenv("TMPDIR", order.home.c_str(), 1);
  forget_cancellation();
}

}  // namespace

ServedCall serve(const std::string& path) {
  // Before anything of the plugin runs, which could move it.
  char* const attempt = std::getenv("PRESSWORK_ATTEMPT");
  const std::size_t attempt_size = attempt == nullptr ? 0 : std::strlen(attempt);
  const int control = ::fcntl(control_descriptor, F_DUPFD_CLOEXEC, private_descriptor_floor);
  const int null = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, private_descriptor_floor);
  ::close(control_descriptor);
  if (control < 0 || null < 0) ::_exit(exit_bad_request);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);

  ServedCall call;
  std::string problem;
  try {
    call.plugin = load_plugin(path);
    if (call.plugin.refusal) problem = call.plugin.refusal->message;
  } catch (const std::exception& error) {
    problem = error.what();
  } catch (...) {
    problem = "loading it threw";
  }
  std::fflush(nullptr);  // what constructors printed must not come out of every copy
  void* const thread_id = thread_id_address();
  if (problem.empty()) problem = unfit(control, null, attempt, thread_id);
  if (!problem.empty()) {
    reply(control, "unfit " + problem.substr(0, max_order_bytes / 2));
    ::_exit(exit_done);
  }
  reply(control, "ready");
  for (;;) {
    const auto order = receive_order(control);
    if (!order) ::_exit(exit_done);  // the executor is gone, or has no more to do
    if (order->attempt.size() != attempt_size) {
      reply(control, "failed " + std::to_string(EINVAL));
    } else if (const pid_t pid = fork_for_parent(thread_id); pid == 0) {
      become_attempt(*order, control, null, attempt);
      call.socket = order->socket;
      return call;
    } else {
      reply(control, pid > 0 ? "pid " + std::to_string(pid) : "failed " + std::to_string(errno));
    }
    ::close(order->socket);
    ::close(order->log);
  }
}

}  // namespace presswork::host
