// The folder .presswork/: where ledger, store, logs and scratch lie, and the lock that keeps it to one run.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace presswork::store {

namespace fs = std::filesystem;

struct Workspace {
  fs::path root;  // absolute

  fs::path ledger() const { return root / "ledger.db"; }
  fs::path store() const { return root / "store"; }
  fs::path lock() const { return root / "lock"; }
  fs::path cache() const { return root / "cache"; }
  fs::path attempts() const { return root / "attempts"; }  // work folders of running attempts
  fs::path scratch(const std::string& key) const { return root / "scratch" / key; }
  fs::path logs(const std::string& run) const { return root / "runs" / run / "logs"; }
};

// Creates the folders (mode 0700) and a .gitignore that ignores them all.
Workspace open_workspace(const fs::path& root);

// Held by the one process that runs stages in the workspace; released by the destructor or by death.
class WorkspaceLock {
 public:
  // Throws Error{locked} that says who holds it (pid, start, command) when a live process does. A lock left by a
  // dead process (another boot id, no such pid, or another start time) is taken over.
  static std::unique_ptr<WorkspaceLock> acquire(const Workspace& workspace);
  virtual ~WorkspaceLock() = default;
};

}  // namespace presswork::store
