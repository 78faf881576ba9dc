#include "orchestrator/store/reserve.h"

#include <fcntl.h>
#include <unistd.h>

namespace presswork::store {

namespace {

constexpr off_t reserve_bytes = 4 << 20;
constexpr std::uintmax_t plenty = 64u * reserve_bytes;

}  // namespace

void keep_reserve(const Workspace& workspace) noexcept {
  std::error_code error;
  const fs::path file = workspace.root / "reserve";
  const fs::space_info space = fs::space(workspace.root, error);
  if (error || space.available < plenty || fs::exists(file, error)) return;
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  if (::posix_fallocate(descriptor, 0, reserve_bytes) != 0) ::unlink(file.c_str());
  ::close(descriptor);
}

void release_reserve(const Workspace& workspace) noexcept {
  std::error_code ignored;
  fs::remove(workspace.root / "reserve", ignored);
}

}  // namespace presswork::store
