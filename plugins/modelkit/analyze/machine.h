// What this machine has, out of /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace presswork::modelkit {

struct Machine {
  std::string cpu;                    // its name
  unsigned cores = 1;                 // that this process may use
  std::vector<std::string> simd;      // of avx2, fma, avx512f, avx512_vnni, avx_vnni, amx_int8, neon
  std::uint64_t memory_bytes = 0;     // of the machine, or of the control group when that is less
  std::uint64_t available_bytes = 0;  // as the kernel judges
  std::map<std::string, std::uint64_t> caches;  // "L1 data", "L2", "L3" to bytes
  std::vector<std::string> gpus;                // names, as the NVIDIA driver tells them

  bool has(const std::string& extension) const;
};

// `root` stands before /proc and /sys, for tests. What cannot be read is left out.
Machine read_machine(const std::filesystem::path& root = "/");

// Bytes a second that `threads` threads together read from memory: the best of several passes over `bytes`
// bytes, which should be far more than the caches hold.
double measure_read_bandwidth(unsigned threads, std::uint64_t bytes);

}  // namespace presswork::modelkit
