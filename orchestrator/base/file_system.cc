#include "orchestrator/base/file_system.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"

namespace presswork::base {

namespace {

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, std::string_view action, mode_t mode = 0644)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) throw system_error(action, path.native(), errno);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void write_all(int fd, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("write", path.native(), errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Lets folders whose mode forbids it be emptied, as far as they are ours. What fails shows in what follows.
void open_up(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(fs::symlink_status(folder, ignored))) return;
  fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add, ignored);
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    open_up(entry->path());
  }
}

class RealFileSystem : public FileSystem {
 public:
  std::optional<FileStatus> status(const fs::path& path) override {
    struct stat s {};
    if (::lstat(path.c_str(), &s) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      throw system_error("look at", path.native(), errno);
    }
    FileStatus status;
    status.kind = S_ISREG(s.st_mode)   ? FileKind::regular
                  : S_ISDIR(s.st_mode) ? FileKind::directory
                  : S_ISLNK(s.st_mode) ? FileKind::symlink
                                       : FileKind::other;
    status.size = static_cast<std::uint64_t>(s.st_size);
    status.mtime_ns = static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000'000 + s.st_mtim.tv_nsec;
    status.inode = s.st_ino;
    status.device = s.st_dev;
    status.mode = s.st_mode & 07777;
    status.links = s.st_nlink;
    return status;
  }

  fs::path resolve(const fs::path& path) override {
    std::error_code failed;
    fs::path real = fs::canonical(path, failed);
    if (failed) throw system_error("look at", path.native(), failed.value());
    return real;
  }

  std::string read(const fs::path& path) override {
    Descriptor file(path, O_RDONLY, "open");
    std::string text;
    char buffer[1 << 16];
    for (;;) {
      const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error("read", path.native(), errno);
      if (got == 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }

  std::vector<std::string> list(const fs::path& directory) override {
    std::error_code failed;
    std::vector<std::string> names;
    for (fs::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
      names.push_back(it->path().filename().native());
    }
    if (failed) throw system_error("list", directory.native(), failed.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string sha256(const fs::path& path, const std::function<void(std::size_t)>& progress) override {
    return sha256_file(path, progress);
  }

  void create_directories(const fs::path& path) override {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) throw system_error("create the folder", path.native(), failed.value());
  }

  void write(const fs::path& path, std::string_view text) override {
    Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC, "create");
    write_all(file.get(), text, path);
  }

  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) throw system_error("move to", to.native(), errno);
  }

  void exchange(const fs::path& a, const fs::path& b) override {
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS) throw system_error("move to", b.native(), errno);
    fs::path aside = b;
    aside += ".old" + std::to_string(::getpid());
    rename(b, aside);
    rename(a, b);
    rename(aside, a);
  }

  Linked hard_link(const fs::path& from, const fs::path& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return Linked::yes;
    switch (errno) {
      case EEXIST:
        return Linked::exists;
      case EXDEV:
      case EMLINK:
      case EPERM:
      case ENOSYS:
      case EOPNOTSUPP:
        return Linked::impossible;
      default:
        throw system_error("link", to.native(), errno);
    }
  }

  void copy(const fs::path& from, const fs::path& to) override {
    Descriptor in(from, O_RDONLY, "open");
    Descriptor out(to, O_WRONLY | O_CREAT | O_TRUNC, "create");
    if (::ioctl(out.get(), FICLONE, in.get()) == 0) return;
    for (;;) {
      const ssize_t copied =
          ::copy_file_range(in.get(), nullptr, out.get(), nullptr, std::size_t{1} << 30, 0);
      if (copied > 0) continue;
      if (copied == 0) return;
      if (errno == EINTR) continue;
      if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        throw system_error("copy to", to.native(), errno);
      }
      break;
    }
    char buffer[1 << 16];
    for (;;) {
      const ssize_t got = ::read(in.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error("read", from.native(), errno);
      if (got == 0) return;
      write_all(out.get(), {buffer, static_cast<std::size_t>(got)}, to);
    }
  }

  void set_mode(const fs::path& path, std::uint32_t mode) override {
    if (::chmod(path.c_str(), mode) != 0) throw system_error("set the permissions of", path.native(), errno);
  }

  void sync(const fs::path& path) override {
    Descriptor file(path, O_RDONLY, "open");
    if (::fsync(file.get()) != 0) throw system_error("write to disk", path.native(), errno);
  }

  void remove_all(const fs::path& path) override {
    std::error_code failed;
    fs::remove_all(path, failed);
    if (failed == std::errc::permission_denied) {
      open_up(path);
      fs::remove_all(path, failed);
    }
    if (failed) throw system_error("remove", path.native(), failed.value());
  }

  std::uint64_t free_bytes(const fs::path& path) override {
    struct statvfs s {};
    if (::statvfs(path.c_str(), &s) != 0) throw system_error("look at the disk of", path.native(), errno);
    return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
  }
};

}  // namespace

void FileSystem::write_durably(const fs::path& path, std::string_view text) {
  static std::atomic<unsigned> counter{0};  // two threads may write the same path
  fs::path beside = path;
  beside += ".tmp" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
  try {
    write(beside, text);
    sync(beside);
    rename(beside, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(beside, ignored);
    throw;
  }
  sync(path.parent_path().empty() ? fs::path(".") : path.parent_path());
}

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

std::vector<std::string> names_in(const fs::path& directory) {
  FileSystem& files = real_file_system();
  return files.status(directory) ? files.list(directory) : std::vector<std::string>{};
}

}  // namespace presswork::base
