// fdatasync() in front of the C library's, for the ledger and SQLite alike: counted, and failing on demand.
// To be included in one file of a test program.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace presswork::testing {

inline int disk_syncs = 0;
inline bool disk_fails = false;

}  // namespace presswork::testing

extern "C" __attribute__((visibility("default"))) int fdatasync(int file) {
  ++presswork::testing::disk_syncs;
  if (!presswork::testing::disk_fails) return static_cast<int>(::syscall(SYS_fdatasync, file));
  errno = EIO;
  return -1;
}
