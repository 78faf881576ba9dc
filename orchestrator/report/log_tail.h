// Reads a log while it is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace presswork::report {

class LogTail {
 public:
  // Begins with the last `lines` lines, or with the first for -1. The file need not exist yet.
  LogTail(std::filesystem::path path, long long lines) : path_(std::move(path)), lines_(lines) {}

  bool exists() const;
  // The whole lines that came since, at most some thousands at once; none when there are no more.
  std::vector<std::string> read();
  // At the end: the last line, if nothing ended it.
  std::vector<std::string> rest();

 private:
  std::filesystem::path path_;
  long long lines_;
  std::uint64_t offset_ = 0;
  bool begun_ = false;
  std::string rest_;
};

}  // namespace presswork::report
