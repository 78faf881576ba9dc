#include "orchestrator/engine/spare_logs.h"

#include <fcntl.h>
#include <stdio.h>

#include <system_error>
#include <utility>

namespace presswork::engine {

namespace fs = std::filesystem;

void SpareLogs::give(const fs::path& log) {
  if (spare_.empty()) return;
  const fs::path spare = std::exchange(spare_.back(), {});
  spare_.pop_back();
  // Where this is not possible the log is made, as it is without a spare one.
  ::renameat2(AT_FDCWD, spare.c_str(), AT_FDCWD, log.c_str(), RENAME_NOREPLACE);
}

void SpareLogs::keep(fs::path log) {
  if (spare_.size() < most_) spare_.push_back(std::move(log));
}

bool is_empty_log(const fs::path& log) {
  std::error_code failed;
  const auto size = fs::file_size(log, failed);
  return !failed && size == 0;
}

}  // namespace presswork::engine
