// What `doctor` looks at on the machine.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/checks.h"
#include "orchestrator/cli/machine.h"
#include "orchestrator/executor/control_group.h"
#include "orchestrator/report/moment.h"

namespace presswork::cli {

namespace {

constexpr std::uint64_t kGiB = 1ull << 30;

Check check_host() {
  const fs::path host = host_path();
  if (::access(host.c_str(), X_OK) == 0) return {"ok", "host", host.string(), ""};
  return {"fail", "host", host.string() + " is missing or not executable",
          "install presswork again, or build the target presswork-host"};
}

// The kernel's name for the file system, as far as people know it.
std::string name_of(long type) {
  switch (type) {
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683E:
      return "btrfs";
    case 0x2FC12FC1:
      return "zfs";
    case 0x01021994:
      return "tmpfs";
    case 0x794C7630:
      return "overlayfs";
    case 0x6969:
      return "NFS";
    case 0xFE534D42:
    case 0xFF534D42:
      return "SMB";
    case 0x01021997:
      return "9p";
    case 0x65735546:
      return "FUSE";
    default:
      return "file system";
  }
}

Check check_inotify() {
  const int descriptor = ::inotify_init1(IN_CLOEXEC);
  if (descriptor >= 0) {
    ::close(descriptor);
    return {"ok", "inotify", "followers of a run are told of changes", ""};
  }
  return {"warn", "inotify", "no instances left: followers look twice a second instead",
          "raise fs.inotify.max_user_instances, or end programs that watch many files"};
}

Check check_memory(const Machine& machine) {
  Check check{
      "ok", "machine",
      std::to_string(machine.cores) + (machine.cores == 1 ? " core, " : " cores, ") +
          (machine.memory == 0 ? "memory unknown" : base::format_bytes(machine.memory) + " of memory"),
      ""};
  std::uint64_t available = 0;
  std::istringstream lines(read_kernel_file("/proc/meminfo"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("MemAvailable:")) available = std::strtoull(line.c_str() + 13, nullptr, 10) * 1024;
  }
  if (available > 0)
    check.finding +=
        ", " + base::format_bytes(std::min(available, std::max(machine.memory, available))) + " of it free";
  if (machine.memory != 0 && machine.memory < 2 * kGiB) {
    check.state = "warn";
    check.advice = "models of more than some hundred million parameters will not fit";
  } else if (available > 0 && available < kGiB) {
    check.state = "warn";
    check.advice = "end programs that hold memory, or run with --memory below what is free";
  }
  return check;
}

// What --enforce-memory can do here.
Check check_control_groups() {
  if (executor::ControlGroups::open()) {
    return {"ok", "cgroups", "--enforce-memory holds all processes of a stage together", ""};
  }
  return {"ok", "cgroups", "none can be made here: --enforce-memory holds each process of a stage by itself",
          "for all of them together: `systemd-run --user --scope -p Delegate=yes presswork run …`"};
}

// A folder for trials, removed with all in it.
class Trial {
 public:
  explicit Trial(const fs::path& folder) {
    std::string name = (folder / ".presswork-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw base::system_error("make a folder in", folder.native(), errno);
    path = name;
  }
  ~Trial() {
    std::error_code none;
    fs::remove_all(path, none);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  fs::path path;
};

bool can_reflink(const fs::path& from, const fs::path& to) {
  const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int target = ::open(to.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool done = source >= 0 && target >= 0 && ::ioctl(target, FICLONE, source) == 0;
  if (source >= 0) ::close(source);
  if (target >= 0) ::close(target);
  return done;
}

bool is_notified(const fs::path& folder) {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) return false;
  const bool watched = ::inotify_add_watch(descriptor, folder.c_str(), IN_CREATE) >= 0;
  std::ofstream(folder / "news") << "x";
  std::array<char, 4096> news;
  const bool told = watched && ::read(descriptor, news.data(), news.size()) > 0;
  ::close(descriptor);
  return told;
}

}  // namespace

std::vector<Check> check_machine() {
  return {check_memory(this_machine()), check_host(), check_inotify(), check_control_groups()};
}

Check check_space(const fs::path& path) {
  const std::uint64_t free = base::real_file_system().free_bytes(path);
  Check check{"ok", "disk", base::format_bytes(free) + " free at " + path.string(), ""};
  if (free < kGiB) {
    check.state = "warn";
    check.advice =
        "a compressed model needs room beside the original: free some space, take away what no run needs "
        "with `presswork gc`, or use --workspace elsewhere";
  }
  return check;
}

std::vector<Check> check_file_system(const fs::path& folder) {
  base::FileSystem& files = base::real_file_system();
  const Trial trial(folder);
  struct statfs facts = {};
  const bool known = ::statfs(folder.c_str(), &facts) == 0;
  const std::string name = known ? name_of(static_cast<long>(facts.f_type)) : "file system";
  std::vector<Check> checks;
  try {
    files.write_durably(trial.path / "a", "one");
    files.write_durably(trial.path / "a", "two");
    if (files.read(trial.path / "a") != "two")
      throw base::Error(base::ErrorCode::io, "a file renamed over another is not it");
  } catch (const base::Error& error) {
    checks.push_back({"fail", "files", name + ": " + error.message,
                      error.hint.empty() ? "use --workspace on a local disk" : error.hint});
    return checks;
  }
  std::string can = "rename and sync work";
  std::string cannot;
  const bool links = files.hard_link(trial.path / "a", trial.path / "b") == base::Linked::yes;
  const bool reflinks = can_reflink(trial.path / "a", trial.path / "c");
  (links ? can : cannot) += links ? ", hard links" : "hard links";
  if (reflinks) can += ", reflinks";
  if (!reflinks) cannot += cannot.empty() ? "reflinks" : " and reflinks";
  if (is_notified(trial.path)) can += ", notification of changes";
  Check check{"ok", "files", name + ": " + can + (cannot.empty() ? "" : "; no " + cannot), ""};
  if (!links) {
    check.state = "warn";
    check.advice =
        "each artifact is copied for the stage that reads it: use --workspace on a file system with hard "
        "links (ext4, xfs, btrfs)";
  }
  checks.push_back(std::move(check));
  return checks;
}

Check check_clock(std::chrono::system_clock::time_point now, const std::string& latest_record) {
  const auto latest = report::moment_of(latest_record);
  const std::string text = base::to_utc_string(now);
  if (text < "2024") {
    return {"warn", "clock", "it is " + text + " on this machine",
            "set the clock: times in records would be wrong"};
  }
  if (latest && *latest > now + std::chrono::minutes(5)) {
    return {"warn", "clock", "it is " + text + ", but the ledger has a record of " + latest_record,
            "set the clock; results stay right, times in records do not"};
  }
  return {"ok", "clock", text, ""};
}

std::vector<std::int64_t> processes_of(const std::set<std::string>& attempts) {
  std::vector<std::int64_t> found;
  const std::string name = "PRESSWORK_ATTEMPT=";
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc", none)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string environment = read_kernel_file(entry.path() / "environ");
    for (std::size_t at = 0; at < environment.size();) {
      const std::size_t end = std::min(environment.find('\0', at), environment.size());
      const std::string_view variable = std::string_view(environment).substr(at, end - at);
      if (variable.starts_with(name) && attempts.contains(std::string(variable.substr(name.size())))) {
        found.push_back(std::strtoll(pid.c_str(), nullptr, 10));
      }
      at = end + 1;
    }
  }
  return found;
}

}  // namespace presswork::cli
