// Control groups that hold all processes of an attempt to its memory together, and let none of them get away:
// version 2 (the kernel's Documentation/admin-guide/cgroup-v2.rst), where this process may make them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace presswork::executor {

namespace fs = std::filesystem;

std::string read_own_groups();  // /proc/self/cgroup; "" where there is none

// The group whose path stands in `self`, the text of /proc/self/cgroup; nothing where there is no version 2.
std::optional<fs::path> own_control_group(std::string_view self);

// Of one attempt. Its end is that of all processes in it.
class ControlGroup {
 public:
  explicit ControlGroup(fs::path folder) : folder_(std::move(folder)) {}
  ControlGroup(ControlGroup&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  ControlGroup& operator=(ControlGroup&&) = delete;
  ~ControlGroup();

  bool take(pid_t process) const;  // false when it cannot be had

 private:
  fs::path folder_;
};

class ControlGroups {
 public:
  // `root`: where the hierarchy is mounted. Null where it has no memory controller, or no right to hand it
  // down: the group of this process must be ours to write, and hold no process but this one, which then moves
  // to a group beside those of the attempts (a group with controllers handed down may hold none itself).
  // `systemd-run --scope -p Delegate=yes presswork …` gives such a group. Must be called before there are
  // children.
  static std::unique_ptr<ControlGroups> open(const fs::path& root = "/sys/fs/cgroup",
                                             std::string_view self = read_own_groups());
  ~ControlGroups();  // moves this process back
  ControlGroups(const ControlGroups&) = delete;
  ControlGroups& operator=(const ControlGroups&) = delete;

  // Held to `memory` bytes, without swap; the kernel ends all of it where that is not enough. Pages of files
  // count as far as they cannot be given back. Nothing when it cannot be made.
  std::optional<ControlGroup> make(const std::string& attempt, std::uint64_t memory) const;

 private:
  explicit ControlGroups(fs::path folder) : folder_(std::move(folder)) {}
  bool hand_down();

  fs::path folder_;  // of the group that this process was in
  fs::path rest_;    // of the one that it moved to, if it had to
  bool handed_down_ = false;
};

}  // namespace presswork::executor
