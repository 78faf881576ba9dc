#include "orchestrator/executor/control_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

namespace presswork::executor {

namespace {

constexpr const char* prefix = "presswork-";

bool put(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

bool lists(const fs::path& file, std::string_view wanted) {
  std::ifstream words(file);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

// Of runs that died; a group with processes in it stays.
void remove_empty_ones(const fs::path& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().filename().native().starts_with(prefix)) ::rmdir(entry.path().c_str());
  }
}

}  // namespace

std::string read_own_groups() {
  std::ifstream self("/proc/self/cgroup");
  return {std::istreambuf_iterator<char>(self), {}};
}

std::optional<fs::path> own_control_group(std::string_view self) {
  // Version 2 has one line, "0::/path".
  const auto at = self.starts_with("0::/") ? 0 : self.find("\n0::/");
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = self.substr(at + (at == 0 ? 4 : 5));
  fs::path group = fs::path(rest.substr(0, rest.find('\n'))).lexically_normal();
  if (group == ".") group.clear();
  if (!group.empty() && *group.begin() == "..") return std::nullopt;  // outside of what is mounted
  return group;
}

ControlGroup::~ControlGroup() {
  if (folder_.empty()) return;
  put(folder_ / "cgroup.kill", "1");
  // The processes take a moment to be gone. What stays, the next run removes.
  for (int i = 0; ::rmdir(folder_.c_str()) != 0 && errno == EBUSY && i < 200; ++i) ::poll(nullptr, 0, 5);
}

bool ControlGroup::take(pid_t process) const {
  return put(folder_ / "cgroup.procs", std::to_string(process));
}

std::unique_ptr<ControlGroups> ControlGroups::open(const fs::path& root, std::string_view self) {
  const auto group = own_control_group(self);
  if (!group || !lists(root / *group / "cgroup.controllers", "memory")) return nullptr;
  std::unique_ptr<ControlGroups> groups(new ControlGroups(root / *group));
  remove_empty_ones(groups->folder_);
  if (!groups->hand_down() || !groups->make(std::to_string(::getpid()) + "-try", 1u << 30)) return nullptr;
  return groups;
}

// True when groups below have the memory controller.
bool ControlGroups::hand_down() {
  const fs::path controllers = folder_ / "cgroup.subtree_control";
  if (lists(controllers, "memory")) return true;
  if (put(controllers, "+memory")) return handed_down_ = true;
  const std::string self = std::to_string(::getpid());
  rest_ = folder_ / (prefix + self);
  if (::mkdir(rest_.c_str(), 0755) != 0 || !put(rest_ / "cgroup.procs", self)) return false;
  return handed_down_ = put(controllers, "+memory");
}

ControlGroups::~ControlGroups() {
  if (handed_down_) put(folder_ / "cgroup.subtree_control", "-memory");
  if (rest_.empty()) return;
  put(folder_ / "cgroup.procs", std::to_string(::getpid()));
  ::rmdir(rest_.c_str());
}

std::optional<ControlGroup> ControlGroups::make(const std::string& attempt, std::uint64_t memory) const {
  const fs::path folder = folder_ / (prefix + attempt);
  if (::mkdir(folder.c_str(), 0755) != 0) return std::nullopt;
  ControlGroup group(folder);
  if (!put(folder / "memory.max", std::to_string(memory))) return std::nullopt;
  put(folder / "memory.swap.max", "0");  // a machine without swap has none of this
  put(folder / "memory.oom.group", "1");
  return group;
}

}  // namespace presswork::executor
