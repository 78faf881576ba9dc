// Who may change what a store holds. Runs, which add to it, share it; garbage collection and repair, which
// remove from it, have it for themselves.
//
// Order of locks, for whoever takes more than one: first the lock of the workspace (workspace.h), then that
// of its store, then the ledger's (a transaction). Nobody waits for the first two: who cannot have them gives
// up, so that there is no deadlock across workspaces that share a store.
#pragma once

#include <cerrno>
#include <filesystem>
#include <memory>

namespace presswork::store {

namespace fs = std::filesystem;

// Released by the destructor or by death; not inherited through exec.
class StoreLock {
 public:
  // Throws Error{locked} while another process has the store for itself. On a file system without locks it
  // does nothing.
  static std::unique_ptr<StoreLock> share(const fs::path& store);
  // Throws Error{locked} while any other process holds it, {io} on a file system without locks.
  static std::unique_ptr<StoreLock> alone(const fs::path& store);
  virtual ~StoreLock() = default;
};

// Whether a lock failed with this errno since the file system has no locks.
inline bool no_locks_here(int reason) { return reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP; }

}  // namespace presswork::store
