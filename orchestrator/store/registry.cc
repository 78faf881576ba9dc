#include "orchestrator/store/registry.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"

namespace presswork::store {

namespace {

fs::path folder_of(const fs::path& store) { return store / "workspaces"; }

std::string entry_name(const std::string& workspace) { return base::sha256(workspace).substr(0, 32); }

}  // namespace

void register_workspace(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace) {
  const std::string path = file_system.resolve(workspace).native();
  const fs::path entry = folder_of(store) / entry_name(path);
  if (file_system.status(entry) && file_system.read(entry) == path) return;
  if (!file_system.status(folder_of(store))) {
    file_system.create_directories(folder_of(store));
    file_system.sync(store);
  }
  file_system.write_durably(entry, path);
}

std::vector<fs::path> registered_workspaces(base::FileSystem& file_system, const fs::path& store) {
  std::vector<fs::path> workspaces;
  if (!file_system.status(folder_of(store))) return workspaces;
  for (const std::string& name : file_system.list(folder_of(store))) {
    if (name.size() != 32) continue;  // being written
    const std::string path = file_system.read(folder_of(store) / name);
    if (entry_name(path) != name) {
      throw base::Error(base::ErrorCode::corrupt,
                        "the entry " + (folder_of(store) / name).native() + " of a workspace is damaged",
                        "start a run in each workspace that uses the store, then remove the entry");
    }
    const auto status = file_system.status(path);
    if (status && status->kind == base::FileKind::directory) workspaces.emplace_back(path);
  }
  std::sort(workspaces.begin(), workspaces.end());
  return workspaces;
}

}  // namespace presswork::store
