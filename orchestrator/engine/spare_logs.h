// The log files of attempts. Most small stages write nothing, and making a file is dear beside giving one
// another name: so the empty log of an attempt that ended well becomes the log of another.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace presswork::engine {

// One thread.
class SpareLogs {
 public:
  // Keeps up to `most` for another use.
  explicit SpareLogs(std::size_t most) : most_(most) {}

  // Gives `log` a file, if there is one to spare; else its first writer makes it. Never takes the place of a
  // file that is there.
  void give(const std::filesystem::path& log);

  // The log of an attempt that ended well, so that nothing of it is left to write. It must be empty and
  // nobody may be told of it any more.
  void keep(std::filesystem::path log);

 private:
  const std::size_t most_;
  std::vector<std::filesystem::path> spare_;
};

// An attempt's process came, and wrote nothing.
bool is_empty_log(const std::filesystem::path& log);

}  // namespace presswork::engine
