// What of this machine the process may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace presswork::cli {

struct Machine {
  int cores = 1;  // the smaller of the CPU affinity and the control groups' quota, rounded up
  std::uint64_t memory =
      0;         // bytes; the smaller of what is built in and the control groups' limit; 0: unknown
  int gpus = 0;  // of NVIDIA, by their device files
};

Machine this_machine();

// Files below /proc and /sys have no size; "" when there is none.
std::string read_kernel_file(const std::filesystem::path& path);

// The files "nvidia<number>" in `devices` (/dev).
int count_gpus(const std::filesystem::path& devices);

// The parts of it, for tests. "max 100000" -> nothing, "150000 100000" -> 2.
std::optional<int> cores_of_quota(std::string_view cpu_max);
// The limits of the control group (v2) whose path stands in `self` (/proc/self/cgroup) and of those above it.
void apply_control_groups(Machine& machine, const std::filesystem::path& root, std::string_view self);

}  // namespace presswork::cli
