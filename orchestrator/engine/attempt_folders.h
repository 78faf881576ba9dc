// The folders that attempts work in, one each. Making a folder is the dearest thing that a small stage asks
// of the file system, so the empty one of an attempt that ended well is given to another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <vector>

namespace presswork::engine {

// Any thread.
class AttemptFolders {
 public:
  // Keeps up to `most` for another use.
  explicit AttemptFolders(std::size_t most) : most_(most) {}
  ~AttemptFolders();
  AttemptFolders(const AttemptFolders&) = delete;
  AttemptFolders& operator=(const AttemptFolders&) = delete;

  // Makes it, empty. Throws Error{io, no_space, permission}.
  void make(const std::filesystem::path& folder);

  // Of an attempt that has ended. `clean`: it ended well, so that nothing of it is left running. What cannot
  // be removed stays: clean_up() tries again at the next start.
  void discard(const std::filesystem::path& folder, bool clean);

 private:
  bool keep(const std::filesystem::path& folder);

  const std::size_t most_;
  std::mutex mutex_;
  std::vector<std::filesystem::path> spare_;
  std::uint32_t mode_ = 0;  // of a new one
};

}  // namespace presswork::engine
