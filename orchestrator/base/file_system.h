// The file system as a seam: the store and the ledger's neighbours write through it, and tests replace it
// to make it fail. Every function throws Error through system_error().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::base {

namespace fs = std::filesystem;

enum class FileKind { regular, directory, symlink, other };

// What lstat says; symbolic links are never followed.
struct FileStatus {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint32_t mode = 0;
  std::uint64_t links = 1;  // names that this inode has
};

enum class Linked {
  yes,
  exists,      // there is something at that path already
  impossible,  // this file system, or this pair of folders, cannot; copy instead
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual std::optional<FileStatus> status(const fs::path& path) = 0;  // nothing when there is none
  // The absolute path without symbolic links; throws Error{not_found} when one leads nowhere.
  virtual fs::path resolve(const fs::path& path) = 0;
  virtual std::string read(const fs::path& path) = 0;
  virtual std::vector<std::string> list(const fs::path& directory) = 0;  // names, sorted
  // SHA-256 of the contents; `progress` hears the bytes of each piece and may throw to stop.
  virtual std::string sha256(const fs::path& path, const std::function<void(std::size_t)>& progress = {}) = 0;

  virtual void create_directories(const fs::path& path) = 0;
  virtual void write(const fs::path& path, std::string_view text) = 0;  // plain, not durable
  virtual void rename(const fs::path& from, const fs::path& to) = 0;
  virtual void exchange(const fs::path& a,
                        const fs::path& b) = 0;  // swaps two names, in one step where possible
  virtual Linked hard_link(const fs::path& from, const fs::path& to) = 0;
  // Copies the bytes, by reflink where the file system can.
  virtual void copy(const fs::path& from, const fs::path& to) = 0;
  virtual void set_mode(const fs::path& path, std::uint32_t mode) = 0;
  virtual void sync(const fs::path& path) = 0;        // fsync of a file or a directory
  virtual void remove_all(const fs::path& path) = 0;  // changes the mode of folders that are in the way
  virtual std::uint64_t free_bytes(const fs::path& path) = 0;

  // Writes beside `path`, syncs, renames over it, syncs the directory: after a crash the file is the old
  // one or the new one, whole.
  void write_durably(const fs::path& path, std::string_view text);
};

FileSystem& real_file_system();

// What the directory holds, sorted; nothing where there is none.
std::vector<std::string> names_in(const fs::path& directory);

}  // namespace presswork::base
