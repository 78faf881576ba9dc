#include "orchestrator/store/registry.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"

namespace presswork::store {

namespace {

fs::path folder_of(const fs::path& store) { return store / "workspaces"; }

std::string entry_name(const std::string& workspace) { return base::sha256(workspace).substr(0, 32); }

// The folder, or the link to one, is what a workspace is known by; an unmounted disk leaves an empty folder.
bool is_there(base::FileSystem& file_system, const fs::path& workspace) {
  return file_system.status(workspace / "store").has_value();
}

bool lies_in(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace) {
  return file_system.resolve(store) == workspace / "store";
}

}  // namespace

void register_workspace(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace) {
  const fs::path real = file_system.resolve(workspace);
  if (lies_in(file_system, store, real)) return;
  const std::string& path = real.native();
  const fs::path entry = folder_of(store) / entry_name(path);
  if (file_system.status(entry) && file_system.read(entry) == path) return;
  if (!file_system.status(folder_of(store))) {
    file_system.create_directories(folder_of(store));
    file_system.sync(store);
  }
  file_system.write_durably(entry, path);
}

std::vector<Registered> registered_workspaces(base::FileSystem& file_system, const fs::path& store) {
  std::vector<Registered> workspaces;
  const fs::path around = file_system.resolve(store).parent_path();
  if (lies_in(file_system, store, around) && file_system.status(around / "ledger.db")) {
    workspaces.push_back({around, true});
  }
  if (!file_system.status(folder_of(store))) return workspaces;
  for (const std::string& name : file_system.list(folder_of(store))) {
    if (name.size() != 32) continue;  // being written
    const std::string path = file_system.read(folder_of(store) / name);
    if (entry_name(path) != name) {
      throw base::Error(base::ErrorCode::corrupt,
                        "the entry " + (folder_of(store) / name).native() + " of a workspace is damaged",
                        "start a run in each workspace that uses the store, then remove the entry");
    }
    workspaces.push_back({path, is_there(file_system, path)});
  }
  std::sort(workspaces.begin(), workspaces.end(),
            [](const Registered& a, const Registered& b) { return a.root < b.root; });
  return workspaces;
}

void unregister_workspace(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace) {
  file_system.remove_all(folder_of(store) / entry_name(workspace.native()));
  file_system.sync(folder_of(store));
}

}  // namespace presswork::store
