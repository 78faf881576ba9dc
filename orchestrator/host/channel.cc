#include "orchestrator/host/channel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>
#include <thread>

#include "orchestrator/host/protocol.h"

namespace presswork::host {

namespace {

std::atomic<int> cancellation{0};
static_assert(std::atomic<int>::is_always_lock_free, "set in a signal handler");

void end_with(int status, std::string_view reason) {
  // Into the log of the attempt; nothing can be done about a failure to write it.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, reason.data(), reason.size());
  ::_exit(status);
}

// Reads "cancel" lines until the stream ends, then takes the whole process group down.
void watch_socket(int socket) {
  std::string line;
  char buffer[256];
  for (;;) {
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) {
      end_with(exit_channel_lost, "presswork-host: the stage closed the host's private descriptor\n");
    }
    if (got <= 0) ::kill(0, SIGKILL);
    for (const char c : std::string_view(buffer, static_cast<std::size_t>(got))) {
      if (c != '\n') {
        if (line.size() < 64) line += c;
        continue;
      }
      if (line == "cancel") request_cancellation();
      line.clear();
    }
  }
}

}  // namespace

bool cancellation_requested() { return cancellation.load(std::memory_order_relaxed) != 0; }
void request_cancellation() { cancellation.store(1, std::memory_order_relaxed); }
void forget_cancellation() { cancellation.store(0, std::memory_order_relaxed); }

Channel::Channel(int descriptor) : socket_(descriptor), process_(::getpid()) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, private_descriptor_floor);
  if (moved >= 0) {
    ::close(descriptor);
    socket_ = moved;
  } else {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);  // the limit on descriptors is low: stay, but not in children
  }
}

bool Channel::read_request(std::string& line) {
  char buffer[1 << 16];
  while (line.empty() || line.back() != '\n') {
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || line.size() > max_request_bytes) return false;
    line.append(buffer, static_cast<std::size_t>(got));
    // A cancellation may be hot on the request's heels.
    if (const auto end = line.find('\n'); end != std::string::npos && end + 1 < line.size()) {
      if (line.compare(end + 1, std::string::npos, "cancel\n") == 0) request_cancellation();
      line.resize(end + 1);
    }
  }
  return true;
}

void Channel::watch() {
  // The watcher handles no signals: they belong to the stage's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(watch_socket, socket_).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Channel::send(Json event) {
  if (::getpid() != process_) {
    end_with(exit_forked_copy,
             "presswork-host: a forked copy of the stage's process came back to the host\n");
  }
  event["nonce"] = nonce_;
  std::string line = event.dump(-1, ' ', false, Json::error_handler_t::replace);
  line += '\n';
  const std::lock_guard lock(sending_);
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) ::kill(0, SIGKILL);
    if (sent < 0) {
      end_with(exit_channel_lost, "presswork-host: the stage closed the host's private descriptor\n");
    }
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace presswork::host
