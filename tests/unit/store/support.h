// What the tests of the store share: a temporary folder, files in it, a memo in memory, a file system that
// fails.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>

#include "orchestrator/base/error.h"
#include "orchestrator/store/artifact_store.h"

namespace presswork::store::testing {

// For thousands of little stores: in memory where that is possible.
inline fs::path in_memory() {
  return ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
}

class TempDir {
 public:
  explicit TempDir(const fs::path& parent = fs::temp_directory_path()) {
    std::string name = (parent / "presswork-store-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = fs::canonical(name);
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline mode_t mode_of(const fs::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

// Old enough for the memo to trust its time stamp.
inline void make_old(const fs::path& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

template <typename Function>
base::Error error_of(Function&& function) {
  try {
    function();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "an Error was expected";
  return base::Error(base::ErrorCode::internal, "nothing was thrown");
}

class MapMemo : public DigestMemo {
 public:
  std::optional<std::string> find(const fs::path& path, const base::FileStatus& status) override {
    ++asked;
    const auto found = known.find({path, status.inode, status.size, status.mtime_ns});
    if (found == known.end()) return {};
    ++hits;
    return found->second;
  }
  void remember(const fs::path& path, const base::FileStatus& status, const std::string& sha256) override {
    const std::lock_guard lock(mutex_);
    known[{path, status.inode, status.size, status.mtime_ns}] = sha256;
  }

  std::map<std::tuple<fs::path, std::uint64_t, std::uint64_t, std::int64_t>, std::string> known;
  int asked = 0, hits = 0;

 private:
  std::mutex mutex_;
};

// Passes everything on, and fails at the call that it is told to: writes and copies are then cut short.
class FaultyFileSystem : public base::FileSystem {
 public:
  // The n-th call from now on (from 1) fails with `error_number`; if `for_good`, so does every later one, as
  // if the process had died there.
  void fail_at(int n, int error_number, bool for_good) {
    left_ = n;
    error_number_ = error_number;
    for_good_ = for_good;
    fired = false;
  }
  void work() { left_ = 0; }
  // Counts as a call, and fails as one: for what happens between the calls, as a change of the ledger does.
  void pass(std::string_view action, const fs::path& path) {
    if (!fails()) return;
    dead_ = for_good_;
    throw base::system_error(action, path.native(), error_number_);
  }

  std::optional<base::FileStatus> status(const fs::path& path) override {
    pass("look at", path);
    return real_.status(path);
  }
  fs::path resolve(const fs::path& path) override {
    pass("look at", path);
    return real_.resolve(path);
  }
  std::string read(const fs::path& path) override {
    pass("read", path);
    return real_.read(path);
  }
  std::vector<std::string> list(const fs::path& path) override {
    pass("list", path);
    return real_.list(path);
  }
  std::string sha256(const fs::path& path, const std::function<void(std::size_t)>& progress) override {
    pass("read", path);
    return real_.sha256(path, progress);
  }
  void create_directories(const fs::path& path) override {
    pass("create", path);
    real_.create_directories(path);
  }
  void write(const fs::path& path, std::string_view text) override {
    if (fails()) {
      if (!dead_) real_.write(path, text.substr(0, text.size() / 2));
      dead_ = for_good_;
      throw base::system_error("write", path.native(), error_number_);
    }
    real_.write(path, text);
  }
  void rename(const fs::path& from, const fs::path& to) override {
    pass("move to", to);
    real_.rename(from, to);
  }
  void exchange(const fs::path& a, const fs::path& b) override {
    pass("move to", b);
    real_.exchange(a, b);
  }
  base::Linked hard_link(const fs::path& from, const fs::path& to) override {
    pass("link", to);
    if (no_links) return base::Linked::impossible;
    return real_.hard_link(from, to);
  }
  void copy(const fs::path& from, const fs::path& to) override {
    if (fails()) {
      if (!dead_) real_.write(to, real_.read(from).substr(0, real_.status(from)->size / 2));
      dead_ = for_good_;
      throw base::system_error("copy to", to.native(), error_number_);
    }
    real_.copy(from, to);
  }
  void set_mode(const fs::path& path, std::uint32_t mode) override {
    pass("set the permissions of", path);
    real_.set_mode(path, mode);
  }
  void sync(const fs::path& path) override {
    ++syncs;
    pass("sync", path);
    real_.sync(path);
  }
  void remove_all(const fs::path& path) override {
    pass("remove", path);
    real_.remove_all(path);
  }
  std::uint64_t free_bytes(const fs::path& path) override { return real_.free_bytes(path); }

  bool fired = false;
  bool no_links = false;
  int syncs = 0;

 private:
  bool fails() {
    if (left_ == 0) return false;
    if (left_ > 1) return --left_, false;
    if (!for_good_) left_ = 0;
    fired = true;
    return true;
  }
  base::FileSystem& real_ = base::real_file_system();
  int left_ = 0;
  int error_number_ = EIO;
  bool for_good_ = false;
  bool dead_ = false;
};

inline ArtifactStore real_store(const TempDir& dir) {
  return ArtifactStore(base::real_file_system(), dir.path() / "store");
}

}  // namespace presswork::store::testing
