#include "orchestrator/store/staging.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/error.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::store {

namespace {

int open_folder(const fs::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

// On a file system without locks nobody's sweep() gets a lock either, so that nothing is removed too early.
}  // namespace

Staging::~Staging() {
  if (held_ < 0) return;
  StagedPath gone(file_system_, folder_);
  ::close(held_);
}

fs::path Staging::fresh() {
  const std::lock_guard lock(mutex_);
  if (held_ < 0) create();
  return folder_ / std::to_string(++counter_);
}

void Staging::create() {
  file_system_.create_directories(tmp_);
  for (;;) {
    std::string name = (tmp_ / "XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr)
      throw base::system_error("create a folder in", tmp_.native(), errno);
    const int fd = open_folder(name);
    if (fd < 0 && errno == ENOENT) continue;  // swept before it was held
    if (fd < 0) throw base::system_error("open", name, errno);
    struct stat made {};
    struct stat there {};
    const bool held = ::flock(fd, LOCK_EX | LOCK_NB) == 0 || no_locks_here(errno);
    if (held && ::fstat(fd, &made) == 0 && ::stat(name.c_str(), &there) == 0 && made.st_ino == there.st_ino) {
      folder_ = name;
      held_ = fd;
      return;
    }
    const int reason = errno;
    ::close(fd);
    if (reason != EWOULDBLOCK && reason != ENOENT) throw base::system_error("lock", name, reason);
  }
}

void Staging::sweep() {
  const std::lock_guard lock(mutex_);
  if (!file_system_.status(tmp_)) return;
  for (const std::string& name : file_system_.list(tmp_)) {
    if (tmp_ / name == folder_) continue;
    const int fd = open_folder(tmp_ / name);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) StagedPath gone(file_system_, tmp_ / name);
    ::close(fd);
  }
}

StagedPath::~StagedPath() {
  try {
    file_system_.remove_all(path);
  } catch (const std::exception&) {
    // sweep() will find it
  }
}

}  // namespace presswork::store
