// The executor of this machine: one poll loop over the sockets and processes of all running hosts.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/executor/child.h"
#include "orchestrator/executor/control_group.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/executor/fork_server.h"
#include "orchestrator/executor/spawn.h"

namespace presswork::executor {

namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

class LocalExecutor : public Executor {
 public:
  LocalExecutor(fs::path host_program, base::Clock& clock, WarmHosts warm)
      : hosts_(std::move(host_program), warm, [this](pid_t pid) { return is_host(pid); }),
        clock_(clock),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        memory_kills_(kernel_memory_kills()),
        had_children_(has_children()) {
    if (!wake_) throw base::system_error("make", "an event descriptor", errno);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  ~LocalExecutor() override {
    Batch ignored;
    for (auto& [token, child] : children_) child.kill();
    while (!children_.empty()) {
      const auto first = children_.begin();
      pollfd ended{first->second.process(), POLLIN, 0};
      ::poll(&ended, 1, -1);
      finish(first->first, ignored);
    }
    hosts_.end_servers();
  }

  void start(StageRequest request) override {
    const std::uint64_t token = request.token;
    try {
      if (children_.contains(token)) {
        throw base::Error(base::ErrorCode::internal, "two requests have the token " + std::to_string(token));
      }
      request.enforce_memory = request.enforce_memory || enforce_memory_;
      SpawnedHost host = hosts_.start(request);
      HostEvent started;
      started.token = token;
      started.pid = host.pid;
      auto group = group_of(request, host.pid);
      children_.try_emplace(token, std::move(request), std::move(host), std::move(group), clock_.monotonic());
      pending_.emplace_back(std::move(started));
    } catch (const base::Error& error) {
      Outcome outcome;
      outcome.token = token;
      outcome.ending = Ending::infrastructure;
      outcome.code = "cannot_start";
      outcome.message = "the stage's process could not be started: " + error.message;
      outcome.hint = error.hint;
      pending_.emplace_back(std::move(outcome));
    }
  }

  Batch poll(milliseconds timeout) override {
    const auto until = timeout.count() < 0 ? std::optional<Time>() : clock_.monotonic() + timeout;
    Batch batch = std::move(pending_);
    pending_.clear();
    while (true) {
      const bool interrupted = !turn(batch, batch.empty() ? wait_time(until) : milliseconds(0));
      if (interrupted || !batch.empty() || (until && clock_.monotonic() >= *until)) return batch;
    }
  }

  void cancel(std::uint64_t token) override {
    if (const auto found = children_.find(token); found != children_.end()) {
      found->second.cancel(clock_.monotonic());
    }
  }

  void kill(std::uint64_t token) override {
    if (const auto found = children_.find(token); found != children_.end()) found->second.kill();
  }

  void wake() override {
    const int before = errno;  // this may run in a signal handler
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
    errno = before;
  }

  void enforce_memory() override {
    enforce_memory_ = true;
    groups_ = ControlGroups::open();
  }

  std::size_t running() const override { return children_.size(); }

 private:
  // The host has not heard yet what it is to do, so that all that it makes is in the group with it.
  std::optional<ControlGroup> group_of(const StageRequest& request, pid_t host) const {
    if (!groups_ || !request.enforce_memory || request.memory == 0) return std::nullopt;
    auto group = groups_->make(request.attempt, request.memory);
    if (group && !group->take(host)) return std::nullopt;
    return group;
  }

  // Until the caller's time or the nearest deadline of a child; negative = for ever.
  milliseconds wait_time(std::optional<Time> until) const {
    for (const auto& [token, child] : children_) {
      const auto deadline = child.next_deadline();
      if (deadline && (!until || *deadline < *until)) until = deadline;
    }
    if (!until) return milliseconds(-1);
    const auto left = std::chrono::ceil<milliseconds>(*until - clock_.monotonic());
    return std::clamp(left, milliseconds(0), milliseconds(std::chrono::hours(1)));
  }

  // Waits once and handles what is ready. False when woken or interrupted by a signal.
  bool turn(Batch& batch, milliseconds wait) {
    std::vector<pollfd> files = {{wake_.get(), POLLIN, 0}};
    std::vector<std::uint64_t> tokens;
    for (auto& [token, child] : children_) {
      tokens.push_back(token);
      files.push_back({child.process(), POLLIN, 0});
      const short events = static_cast<short>(POLLIN | (child.wants_to_write() ? POLLOUT : 0));
      files.push_back({child.socket(), events, 0});
    }
    if (::poll(files.data(), files.size(), static_cast<int>(wait.count())) < 0) return errno != EINTR;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      handle(tokens[i], files[1 + 2 * i].revents, files[2 + 2 * i].revents, batch);
    }
    std::uint64_t count = 0;
    return !(files[0].revents != 0 && ::read(wake_.get(), &count, sizeof count) > 0);
  }

  void handle(std::uint64_t token, short process_ready, short socket_ready, Batch& batch) {
    Child& child = children_.at(token);
    const Time now = clock_.monotonic();
    if (process_ready != 0) return finish(token, batch);
    if ((socket_ready & POLLOUT) != 0) child.write_some();
    if ((socket_ready & ~POLLOUT) != 0) child.read_some(batch, now);
    child.advance(now);
  }

  void finish(std::uint64_t token, Batch& batch) {
    auto node = children_.extract(token);
    const Neighbours neighbours{[this](pid_t pid) { return is_host(pid); },
                                children_.empty() && !had_children_};
    batch.emplace_back(node.mapped().finish(batch, clock_.monotonic(), memory_kills_, neighbours));
  }

  bool is_host(pid_t pid) const {
    return hosts_.is_server(pid) || std::any_of(children_.begin(), children_.end(), [pid](const auto& child) {
             return child.second.pid() == pid;
           });
  }

  HostStarter hosts_;
  base::Clock& clock_;
  Descriptor wake_;
  std::uint64_t memory_kills_;
  bool enforce_memory_ = false;
  std::unique_ptr<ControlGroups> groups_;    // where they can be had
  const bool had_children_;                  // that are none of ours
  std::map<std::uint64_t, Child> children_;  // by token
  Batch pending_;
};

}  // namespace

std::unique_ptr<Executor> make_local_executor(fs::path host_program, base::Clock& clock, WarmHosts warm) {
  return std::make_unique<LocalExecutor>(std::move(host_program), clock, warm);
}

std::string random_id() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
    throw base::system_error("read", "random bytes", errno);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace presswork::executor
