// A folder for the time of one command.
#pragma once

#include <filesystem>

namespace presswork::cli {

// Below /tmp, for this user only; removed with all that is in it, unless kept.
class ScratchFolder {
 public:
  ScratchFolder();  // throws Error{io, no_space, permission}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

}  // namespace presswork::cli
