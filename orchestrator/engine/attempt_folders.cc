#include "orchestrator/engine/attempt_folders.h"

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;

AttemptFolders::~AttemptFolders() {
  std::error_code ignored;
  for (const fs::path& folder : spare_) fs::remove(folder, ignored);
}

void AttemptFolders::make(const fs::path& folder) {
  base::FileSystem& files = base::real_file_system();
  const std::lock_guard lock(mutex_);
  while (!spare_.empty()) {
    const fs::path spare = std::move(spare_.back());
    spare_.pop_back();
    std::error_code failed;
    fs::rename(spare, folder, failed);
    if (!failed) return;
  }
  files.create_directories(folder);
  if (mode_ == 0) {
    if (const auto status = files.status(folder)) mode_ = status->mode;
  }
}

void AttemptFolders::discard(const fs::path& folder, bool clean) {
  try {
    if (clean && keep(folder)) return;
    base::real_file_system().remove_all(folder);
  } catch (const Error&) {
  }
}

bool AttemptFolders::keep(const fs::path& folder) {
  base::FileSystem& files = base::real_file_system();
  const std::lock_guard lock(mutex_);
  if (spare_.size() >= most_) return false;
  const auto status = files.status(folder);
  if (!status || status->mode != mode_ || !files.list(folder).empty()) return false;
  spare_.push_back(folder);
  return true;
}

}  // namespace presswork::engine
