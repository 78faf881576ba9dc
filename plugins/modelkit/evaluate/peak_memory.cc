#include "plugins/modelkit/evaluate/peak_memory.h"

#include <fstream>
#include <string>

namespace presswork::modelkit {
namespace {

// "VmHWM:	   94140 kB"
std::uint64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == key + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

std::uint64_t resident_bytes() { return status_bytes("VmRSS"); }

void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::uint64_t peak_resident_bytes() { return status_bytes("VmHWM"); }

}  // namespace presswork::modelkit
