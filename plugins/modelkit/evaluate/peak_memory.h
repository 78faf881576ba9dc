// Resident memory of this process, as the kernel counts it (Linux, /proc/self/status).
#pragma once

#include <cstdint>

namespace presswork::modelkit {

std::uint64_t resident_bytes();  // now; 0 when unknown

// The peak since reset_peak_memory(), or since the process began where the kernel refuses the reset.
void reset_peak_memory();
std::uint64_t peak_resident_bytes();

}  // namespace presswork::modelkit
