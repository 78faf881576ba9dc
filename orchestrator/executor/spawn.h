// Starting a host process.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "orchestrator/executor/executor.h"

namespace presswork::executor {

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SpawnedHost {
  pid_t pid = 0;       // also the id of its process group
  Descriptor process;  // pidfd: readable when the host has ended
  Descriptor socket;   // our end of the private socket, non-blocking
};

// Two ends of a private Unix socket of that type; ours does not block.
struct SocketPair {
  Descriptor ours, theirs;
};
SocketPair make_socket_pair(int type);

// For appending, made when it is missing; /dev/null for "". Throws base::Error.
Descriptor open_log(const fs::path& path);

// Starts arguments[0] as the leader of a process group of its own, with `socket` at host::control_descriptor,
// stdin from /dev/null, stdout and stderr to `log`, and no other descriptor. Throws base::Error.
pid_t start_process(std::vector<std::string> arguments, std::vector<std::string> environment, int socket,
                    int log);

// A pidfd. Throws base::Error, after having killed the group of `pid`.
Descriptor watch_process(pid_t pid);

// Starts `program` as the leader of a process group of its own, with the private socket at
// host::control_descriptor, stdin from /dev/null, stdout and stderr appended to the request's log. Throws
// base::Error.
SpawnedHost spawn_host(const fs::path& program, const StageRequest& request);

// The whole environment of a stage, as "NAME=value": a fixed one, so that results do not depend on the shell
// that presswork was started from.
std::vector<std::string> stage_environment(const StageRequest& request);

// The request as the line that the host reads, with its newline.
std::string request_line(const StageRequest& request);

}  // namespace presswork::executor
