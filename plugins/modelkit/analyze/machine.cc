#include "plugins/modelkit/analyze/machine.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {
namespace fs = std::filesystem;
namespace {

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// "  avx2" of "flags : fpu avx2 ..."; the first line that begins with `key`.
std::string value_of(const fs::path& file, const std::string& key) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    const std::size_t start = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return {};
}

std::vector<std::string> extensions(const fs::path& cpuinfo) {
  std::string flags = value_of(cpuinfo, "flags");
  if (flags.empty()) flags = value_of(cpuinfo, "Features");  // Arm's word
  std::vector<std::string> found;
  std::istringstream words(flags);
  for (std::string word; words >> word;) {
    if (word == "asimd") word = "neon";
    for (const char* known : {"avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "neon"}) {
      if (word == known) found.push_back(word);
    }
  }
  return found;
}

// "16384 kB" or "32K" or "16 M" in bytes; 0 for anything else.
std::uint64_t size_of(const std::string& text) {
  std::uint64_t number = 0;
  std::string unit;
  std::istringstream words(text);
  if (!(words >> number)) return 0;
  words >> unit;
  if (unit.empty()) return number;
  const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0])));
  return letter == 'K' ? number << 10 : letter == 'M' ? number << 20 : letter == 'G' ? number << 30 : number;
}

std::map<std::string, std::uint64_t> caches(const fs::path& folder) {
  std::map<std::string, std::uint64_t> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string level = first_line(entry.path() / "level"), type = first_line(entry.path() / "type");
    if (level.empty() || type == "Instruction") continue;
    found["L" + level + (type == "Data" ? " data" : "")] = size_of(first_line(entry.path() / "size"));
  }
  return found;
}

std::vector<std::string> gpus(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string model = value_of(entry.path() / "information", "Model");
    if (!model.empty()) found.push_back(model);
  }
  std::sort(found.begin(), found.end());
  return found;
}

unsigned usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

bool Machine::has(const std::string& extension) const {
  return std::find(simd.begin(), simd.end(), extension) != simd.end();
}

Machine read_machine(const fs::path& root) {
  const fs::path proc = root / "proc";
  Machine machine;
  machine.cpu = value_of(proc / "cpuinfo", "model name");
  machine.cores = usable_cores();
  machine.simd = extensions(proc / "cpuinfo");
  machine.memory_bytes = size_of(value_of(proc / "meminfo", "MemTotal"));
  machine.available_bytes = size_of(value_of(proc / "meminfo", "MemAvailable"));
  const std::uint64_t limit = size_of(first_line(root / "sys/fs/cgroup/memory.max"));
  if (limit != 0 && limit < machine.memory_bytes) {
    machine.memory_bytes = limit;
    machine.available_bytes = std::min(machine.available_bytes, limit);
  }
  machine.caches = caches(root / "sys/devices/system/cpu/cpu0/cache");
  machine.gpus = gpus(proc / "driver/nvidia/gpus");
  return machine;
}

double measure_read_bandwidth(unsigned threads, std::uint64_t bytes) {
  constexpr std::uint64_t kTile = 1u << 20;
  constexpr int kPasses = 4;
  const auto tiles = static_cast<std::size_t>(std::max<std::uint64_t>(1, bytes / kTile));
  std::vector<std::uint64_t> values(tiles * kTile / sizeof(std::uint64_t), 1);
  std::vector<std::uint64_t> sums(tiles);
  ThreadPool pool(threads);
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(tiles, [&](std::size_t tile) {
      const std::uint64_t* from = values.data() + tile * kTile / sizeof(std::uint64_t);
      // Four sums, so that no addition waits for the one before.
      std::uint64_t a = 0, b = 0, c = 0, d = 0;
      for (std::size_t i = 0; i < kTile / sizeof(std::uint64_t); i += 4) {
        a += from[i];
        b += from[i + 1];
        c += from[i + 2];
        d += from[i + 3];
      }
      sums[tile] = a + b + c + d;
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, static_cast<double>(tiles * kTile) / std::max(seconds, 1e-9));
    values[static_cast<std::size_t>(pass)] = sums[static_cast<std::size_t>(pass) % tiles];
  }
  return best;
}

}  // namespace presswork::modelkit
