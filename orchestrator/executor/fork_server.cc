#include "orchestrator/executor/fork_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "orchestrator/base/error.h"
#include "orchestrator/executor/stray.h"
#include "orchestrator/host/protocol.h"

namespace presswork::executor {

namespace {

constexpr int longest_answer_ms = 2000;  // making a copy takes a fraction of one; longer, and it is stuck
constexpr int most_failures = 3;         // then its plugin gets started programs only
constexpr std::size_t most_servers = 4;

bool send_with_descriptors(int socket, const std::string& text, int first, int second) {
  const int files[2] = {first, second};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof files)] = {};
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof files);
  std::memcpy(CMSG_DATA(header), files, sizeof files);
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(text.size());
}

// The number after `word`, or -1.
pid_t number_after(const std::string& message, const std::string& word) {
  pid_t number = -1;
  if (message.compare(0, word.size(), word) != 0) return -1;
  const char* end = message.data() + message.size();
  const auto [stop, failed] = std::from_chars(message.data() + word.size(), end, number);
  return failed == std::errc() && stop == end ? number : -1;
}

bool is_own_child(pid_t pid) {
  siginfo_t info;
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::string home_of(const StageRequest& request) {
  return request.work_dir.empty() ? "/tmp" : request.work_dir.native();
}

// Changes when the file is replaced or written to.
std::string identity_of(const fs::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return {};
  return std::to_string(s.st_dev) + ":" + std::to_string(s.st_ino) + ":" + std::to_string(s.st_size) + ":" +
         std::to_string(s.st_mtim.tv_sec) + "." + std::to_string(s.st_mtim.tv_nsec);
}

}  // namespace

ForkServer::ForkServer(const fs::path& program, const StageRequest& like, std::function<bool(pid_t)> is_host)
    : is_host_(std::move(is_host)), id_(random_id()) {
  SocketPair sockets = make_socket_pair(SOCK_SEQPACKET);
  const Descriptor log = open_log({});
  StageRequest none;
  none.attempt = id_;
  none.threads = like.threads;
  pid_ = start_process({program.native(), "--serve", like.plugin.native()}, stage_environment(none),
                       sockets.theirs.get(), log.get());
  socket_ = std::move(sockets.ours);
}

ForkServer::~ForkServer() {
  socket_ = Descriptor();
  // The copies have left its group before anybody knew of them; constructors may have left something there.
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  end_leftovers(pid_, id_, {is_host_, false});
}

std::string ForkServer::hear(int wait_ms) {
  using std::chrono::steady_clock;
  const auto until = steady_clock::now() + std::chrono::milliseconds(wait_ms);
  char buffer[host::max_order_bytes];
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) return std::string(buffer, static_cast<std::size_t>(got));
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) break;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (wait_ms >= 0 && left <= 0) return {};
    pollfd ready{socket_.get(), POLLIN, 0};
    ::poll(&ready, 1, wait_ms < 0 ? -1 : static_cast<int>(left));  // a signal may end it early
  }
  state_ = State::over;
  return {};
}

void ForkServer::take(const std::string& message) {
  if (message == "ready") state_ = State::ready;
  if (message.starts_with("unfit")) state_ = State::unfit;
}

ForkServer::State ForkServer::state() {
  if (state_ == State::loading) take(hear(0));
  return state_;
}

void ForkServer::wait_until_loaded() {
  while (state_ == State::loading) take(hear(-1));
}

std::optional<SpawnedHost> ForkServer::copy(const StageRequest& request) {
  SocketPair sockets = make_socket_pair(SOCK_STREAM);
  const std::string order = request.attempt + '\0' + home_of(request);
  {
    const Descriptor log = open_log(request.log_path);
    if (order.size() >= host::max_order_bytes) return std::nullopt;
    if (!send_with_descriptors(socket_.get(), order, sockets.theirs.get(), log.get())) {
      state_ = State::over;
      return std::nullopt;
    }
  }
  sockets.theirs = Descriptor();  // so that the end of the copy is the end of the stream
  const std::string answer = hear(longest_answer_ms);
  if (answer.starts_with("failed ")) return std::nullopt;
  // A plugin's constructor has run in there: what it says is checked. Should it have made a copy after all,
  // that one finds its socket closed, and ends.
  SpawnedHost host;
  host.pid = number_after(answer, "pid ");
  state_ = State::over;
  if (host.pid <= 0 || is_host_(host.pid) || !is_own_child(host.pid)) return std::nullopt;
  // It does so itself, but must have done before anybody signals the group.
  ::setpgid(host.pid, host.pid);
  if (::getpgid(host.pid) != host.pid) return std::nullopt;
  state_ = State::ready;
  host.process = watch_process(host.pid);
  host.socket = std::move(sockets.ours);
  return host;
}

SpawnedHost HostStarter::start(const StageRequest& request) {
  if (ForkServer* server = server_for(request)) {
    if (auto host = server->copy(request)) return std::move(*host);
  }
  return spawn_host(program_, request);
}

bool HostStarter::is_server(pid_t pid) const {
  return std::any_of(entries_.begin(), entries_.end(), [pid](const auto& entry) {
    return entry.second.server && entry.second.server->pid() == pid;
  });
}

// One by one: while one ends, is_server() looks at the others.
void HostStarter::end_servers() {
  while (!entries_.empty()) entries_.extract(entries_.begin());
}

// The server that is ready for this request; null when there is none (yet).
ForkServer* HostStarter::server_for(const StageRequest& request) {
  constexpr std::size_t id_size = 32;  // as random_id() makes them: one takes another's place
  if (warm_ == WarmHosts::never || request.verb == Verb::describe || request.attempt.size() != id_size)
    return nullptr;
  Entry& entry = entries_[{request.plugin.native(), request.threads}];
  ++entry.asked;
  entry.last_used = ++uses_;
  if (entry.failures >= most_failures) return nullptr;
  const std::string file = identity_of(request.plugin);
  if (entry.server && entry.file != file) entry.server.reset();
  if (entry.server && entry.server->state() == ForkServer::State::over) {
    entry.server.reset();
    ++entry.failures;
  }
  if (!entry.server && (entry.asked > 1 || warm_ == WarmHosts::always) && entry.failures < most_failures) {
    make_room();
    entry.server = std::make_unique<ForkServer>(program_, request, is_host_);
    entry.file = file;
    if (warm_ == WarmHosts::always) entry.server->wait_until_loaded();
  }
  if (!entry.server || entry.server->state() == ForkServer::State::loading) return nullptr;
  if (entry.server->state() == ForkServer::State::ready) return entry.server.get();
  if (entry.server->state() == ForkServer::State::unfit) {
    entry.server.reset();
    entry.failures = most_failures;
  }
  return nullptr;
}

// Ends the server that was not used for longest, when there are as many as there may be.
void HostStarter::make_room() {
  std::size_t servers = 0;
  Entry* oldest = nullptr;
  for (auto& [key, entry] : entries_) {
    if (!entry.server) continue;
    ++servers;
    if (oldest == nullptr || entry.last_used < oldest->last_used) oldest = &entry;
  }
  if (servers >= most_servers) oldest->server.reset();
}

}  // namespace presswork::executor
