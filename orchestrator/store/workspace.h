// The folder .presswork/: where ledger, store, logs and scratch lie, and the lock that keeps it to one run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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

// Creates what is missing of the folders (mode 0700) and a .gitignore that ignores them all. A symbolic link
// at `root` that leads to a folder is followed (a workspace on a larger disk). Throws Error{invalid_input}
// when `root` is something else than a folder, or a folder with other things in it; {permission} when it
// cannot be written to.
//
// `store`: where the workspace's store lies, if not in it: several workspaces may share one. It is made when
// it is missing; `store` in the workspace is then a link to it, so that it need be said only once. Throws
// Error{invalid_input} when the workspace has another store already.
Workspace open_workspace(const fs::path& root, const fs::path& store = {});

// The workspace at `root` as it is, for commands that only look; throws Error{not_found} when there is none.
Workspace existing_workspace(const fs::path& root);

// What a run of this name left in a ledger that was set aside (journal, logs) is renamed, so that the new run
// of the name begins with nothing: to runs/r1.former-1, -2, … Throws Error{io, permission}.
void set_aside_former_run(const Workspace& workspace, const std::string& run);

struct LockHolder {
  std::int64_t pid = 0;
  std::string command;  // as in /proc/PID/cmdline, words parted by spaces
  std::string since;    // UTC
};

// Who runs stages in the workspace at this moment. Only a look: it may end, or another begin, right after.
std::optional<LockHolder> lock_holder(const Workspace& workspace);

// Held by the one process that runs stages in the workspace; released by the destructor or by death. A child
// process does not inherit it through exec.
class WorkspaceLock {
 public:
  // Throws Error{locked} that says who holds it (pid, start, command) when a live process does. A lock left
  // by a dead process (another boot id, no such pid, or another start time) is taken over.
  static std::unique_ptr<WorkspaceLock> acquire(const Workspace& workspace);
  virtual ~WorkspaceLock() = default;
};

}  // namespace presswork::store
