#include "orchestrator/store/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/error.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;

namespace {

class HeldStoreLock : public StoreLock {
 public:
  explicit HeldStoreLock(int fd) : fd_(fd) {}
  ~HeldStoreLock() override {
    if (fd_ >= 0) ::close(fd_);
  }
  HeldStoreLock(const HeldStoreLock&) = delete;
  HeldStoreLock& operator=(const HeldStoreLock&) = delete;

 private:
  int fd_;
};

// The file is never removed, so that all see the same one.
std::unique_ptr<StoreLock> acquire(const fs::path& store, bool alone) {
  const fs::path file = store / "lock";
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  // From a store that cannot be written to, nothing is removed either, at least not by this user.
  if (fd < 0 && !alone && (errno == EROFS || errno == EACCES)) {
    fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return std::make_unique<HeldStoreLock>(-1);
  }
  if (fd < 0) throw base::system_error("open", file.native(), errno);
  auto lock = std::make_unique<HeldStoreLock>(fd);
  int result = 0;
  do {
    result = ::flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return lock;
  const int reason = errno;
  if (no_locks_here(reason) && !alone) return lock;
  if (reason != EWOULDBLOCK) throw base::system_error("lock", file.native(), reason);
  if (alone) {
    throw Error(ErrorCode::locked,
                "the store " + store.native() + " is in use by a run, perhaps of another workspace",
                "wait until no run uses it: nothing may be removed meanwhile");
  }
  throw Error(ErrorCode::locked, "garbage collection or repair is at work in the store " + store.native(),
              "try again when it has ended");
}

}  // namespace

std::unique_ptr<StoreLock> StoreLock::share(const fs::path& store) { return acquire(store, false); }
std::unique_ptr<StoreLock> StoreLock::alone(const fs::path& store) { return acquire(store, true); }

}  // namespace presswork::store
