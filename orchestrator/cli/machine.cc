#include "orchestrator/cli/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

#include "orchestrator/executor/control_group.h"

namespace presswork::cli {

namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr == text.data()) return std::nullopt;
  return value;
}

int cores_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

std::string read_kernel_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::optional<int> cores_of_quota(std::string_view cpu_max) {
  const auto blank = cpu_max.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto quota = number(cpu_max.substr(0, blank));
  const auto period = number(cpu_max.substr(blank + 1));
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<int>(std::clamp<std::uint64_t>((*quota + *period - 1) / *period, 1, 1u << 20));
}

void apply_control_groups(Machine& machine, const std::filesystem::path& root, std::string_view self) {
  const auto own = executor::own_control_group(self);
  if (!own) return;
  std::filesystem::path group = *own;
  for (;;) {
    const std::filesystem::path folder = root / group;
    if (const auto cores = cores_of_quota(read_kernel_file(folder / "cpu.max")))
      machine.cores = std::min(machine.cores, *cores);
    if (const auto memory = number(read_kernel_file(folder / "memory.max"))) {
      machine.memory = machine.memory == 0 ? *memory : std::min(machine.memory, *memory);
    }
    if (group.empty()) return;
    group = group.parent_path();
  }
}

int count_gpus(const std::filesystem::path& devices) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(devices, error)) {
    const std::string name = entry.path().filename().string();
    count += name.starts_with("nvidia") && name.size() > 6 &&
             std::all_of(name.begin() + 6, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  return count;
}

Machine this_machine() {
  Machine machine;
  machine.cores = cores_by_affinity();
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && size > 0)
    machine.memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
  machine.gpus = count_gpus("/dev");
  apply_control_groups(machine, "/sys/fs/cgroup", executor::read_own_groups());
  return machine;
}

}  // namespace presswork::cli
