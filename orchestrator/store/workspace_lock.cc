// flock decides; what the file says names the holder to people, and decides where flock does not work.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/clock.h"
#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/json.h"
#include "orchestrator/store/workspace.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

constexpr std::size_t longest_command = 200;

std::string read_or_nothing(const fs::path& path) {
  try {
    return base::real_file_system().read(path);
  } catch (const Error&) {
    return {};
  }
}

std::string boot_id() {
  std::string id = read_or_nothing("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

// Field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot: with the pid it names a process for ever.
// 0 when there is no such process. Field 2, the name, is in parentheses and may hold anything.
std::int64_t start_time(std::int64_t pid) {
  const std::string text = read_or_nothing("/proc/" + std::to_string(pid) + "/stat");
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22; ++field) {
    at = text.find(' ', at + 1);
    if (at == std::string::npos) return 0;
  }
  return std::strtoll(text.c_str() + at, nullptr, 10);
}

std::string own_command() {
  std::string text = read_or_nothing("/proc/self/cmdline");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  if (text.size() > longest_command) text.resize(longest_command);
  for (char& c : text) {
    if (c == '\0') c = ' ';
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = c == ' ' ? c : '?';
  }
  return text;
}

// The live process that the file names; nothing when it names none, or a dead one.
std::optional<LockHolder> live_holder(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  const auto word = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const LockHolder holder{number("pid"), word("command"), word("since")};
  if (holder.pid <= 0 || word("boot_id") != boot_id() || number("start_time") == 0) return {};
  if (start_time(holder.pid) != number("start_time")) return {};
  return holder;
}

[[noreturn]] void refuse(const Workspace& workspace, const std::optional<LockHolder>& holder) {
  const std::string what = "the workspace " + workspace.root.native() + " is in use by ";
  if (!holder) {
    throw Error(ErrorCode::locked, what + "another process, which is just starting or ending", "try again");
  }
  const std::string pid = std::to_string(holder->pid);
  throw Error(ErrorCode::locked, what + "process " + pid + " since " + holder->since + ": " + holder->command,
              "wait for it, or stop it with `kill " + pid + "`; what it has finished is kept");
}

class HeldLock : public WorkspaceLock {
 public:
  HeldLock(int fd, bool locked) : fd_(fd), locked_(locked) {}
  ~HeldLock() override {
    // The file stays: were it removed, two processes could hold locks on two files of this name.
    [[maybe_unused]] const int ignored = ::ftruncate(fd_, 0);
    ::close(fd_);
  }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

  void name_holder(const fs::path& file) {
    const Json json = {{"pid", ::getpid()},
                       {"start_time", start_time(::getpid())},
                       {"boot_id", boot_id()},
                       {"command", own_command()},
                       {"since", base::to_utc_string(base::system_clock().now())}};
    const std::string text = base::canonical(json) + "\n";
    errno = 0;
    if (::ftruncate(fd_, 0) == 0 &&
        ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
      return;
    }
    // On a full disk the lock holds without a name: garbage collection needs it to make room.
    if (locked_ && (errno == ENOSPC || errno == EDQUOT || errno == 0)) return;
    throw base::system_error("write", file.native(), errno);
  }

 private:
  int fd_;
  bool locked_;  // false on a file system without flock
};

bool same_file(int fd, const fs::path& path) {
  struct stat held {};
  struct stat there {};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
         held.st_dev == there.st_dev;
}

}  // namespace

std::optional<LockHolder> lock_holder(const Workspace& workspace) {
  return live_holder(read_or_nothing(workspace.lock()));
}

std::unique_ptr<WorkspaceLock> WorkspaceLock::acquire(const Workspace& workspace) {
  const fs::path file = workspace.lock();
  for (;;) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) throw base::system_error("open", file.native(), errno);
    const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    const int reason = errno;
    if (!locked && (reason == EINTR || reason == EWOULDBLOCK)) {
      ::close(fd);
      if (reason == EINTR) continue;
      refuse(workspace, lock_holder(workspace));
    }
    if (locked && !same_file(fd, file)) {
      ::close(fd);  // somebody removed the file meanwhile
      continue;
    }
    // Where flock does not work (some network file systems), or not between two machines' views of one
    // folder, the name in the file decides. Our own name there is from a lock that this process held before.
    if (const auto holder = lock_holder(workspace); holder && holder->pid != ::getpid()) {
      ::close(fd);
      refuse(workspace, holder);
    }
    auto lock = std::make_unique<HeldLock>(fd, locked);
    lock->name_holder(file);
    return lock;
  }
}

}  // namespace presswork::store
