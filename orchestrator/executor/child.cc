#include "orchestrator/executor/child.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace presswork::executor {

namespace {

// How much one host may say before the others are heard.
constexpr std::size_t max_read_per_turn = std::size_t{256} << 10;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

std::uint64_t kernel_memory_kills() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  std::uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return 0;
}

Child::Child(StageRequest request, SpawnedHost host, std::optional<ControlGroup> group, Time now)
    : request_(std::move(request)),
      host_(std::move(host)),
      group_(std::move(group)),
      stream_(request_.token, request_.nonce),
      outgoing_(request_line(request_)),
      started_(now) {
  if (request_.timeout.count() > 0) timeout_at_ = now + request_.timeout;
  write_some();
}

std::optional<Child::Time> Child::next_deadline() const {
  if (kill_at_ && timeout_at_) return std::min(*kill_at_, *timeout_at_);
  return kill_at_ ? kill_at_ : timeout_at_;
}

void Child::write_some() {
  while (wants_to_write()) {
    const ssize_t sent =
        ::send(host_.socket.get(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) outgoing_.clear();  // it is ending; its process will tell
    if (sent < 0) return;
    outgoing_.erase(0, static_cast<std::size_t>(sent));
  }
}

bool Child::read_some(Batch& batch, Time now) {
  char buffer[1 << 16];
  for (std::size_t taken = 0; open_ && taken < max_read_per_turn;) {
    const ssize_t got = ::recv(host_.socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    open_ = got > 0;
    if (!open_) return false;
    taken += static_cast<std::size_t>(got);
    stream_.feed({buffer, static_cast<std::size_t>(got)}, batch);
    if (!stream_.violation().empty()) {
      open_ = false;
      kill_group();
    }
    // After the done record the host has nothing left to do but to end.
    if (stream_.done() && !kill_at_) kill_at_ = now + request_.grace;
  }
  return open_;
}

void Child::stop(Time now) {
  if (stopping_) return;
  stopping_ = true;
  kill_at_ = now + request_.grace;
  outgoing_ += "cancel\n";  // a stage may have taken SIGTERM away from the host
  write_some();
  ::kill(-host_.pid, SIGTERM);
}

void Child::cancel(Time now) {
  evidence_.cancelled = true;
  stop(now);
}

void Child::kill() {
  evidence_.cancelled = true;
  kill_group();
}

void Child::kill_group() {
  evidence_.forced = true;
  ::kill(-host_.pid, SIGKILL);
}

void Child::advance(Time now) {
  if (timeout_at_ && now >= *timeout_at_) {
    timeout_at_.reset();
    if (!stopping_ && !stream_.done()) {
      evidence_.timed_out = true;
      stop(now);
    }
  }
  if (kill_at_ && now >= *kill_at_) {
    kill_at_.reset();
    kill_group();
  }
}

Outcome Child::finish(Batch& batch, Time now, std::uint64_t& memory_kills, const Neighbours& neighbours) {
  // Before it is reaped, while its number cannot mean another group, and before the last reading, so that
  // nothing goes on writing.
  ::kill(-host_.pid, SIGKILL);
  while (read_some(batch, now)) {
  }
  int status = 0;
  rusage usage{};
  while (::wait4(host_.pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  end_leftovers(host_.pid, request_.attempt, neighbours);
  if (WIFEXITED(status)) evidence_.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) evidence_.signal = WTERMSIG(status);
  if (evidence_.signal == SIGKILL && !evidence_.forced) {
    const std::uint64_t kills = kernel_memory_kills();
    evidence_.kernel_out_of_memory = kills > memory_kills;
    memory_kills = kills;
  }
  Outcome outcome = judge(request_, stream_, evidence_);
  outcome.metrics = std::move(stream_.metrics());
  outcome.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  // ru_maxrss starts from what this process had when it spawned the host, so the host's own word is better.
  outcome.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  if (stream_.done() && stream_.done()->peak_memory_bytes > 0) {
    outcome.peak_memory_bytes = stream_.done()->peak_memory_bytes;
  }
  outcome.seconds = std::chrono::duration<double>(now - started_).count();
  return outcome;
}

}  // namespace presswork::executor
