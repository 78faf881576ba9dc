// The workspaces that use a store, so that garbage collection knows whose results to keep. A file each in
// <store>/workspaces/, named by the digest of the workspace's path, holding the path. The workspace that a
// store lies in is known by that, and moves with it.
#pragma once

#include <filesystem>
#include <vector>

#include "orchestrator/base/file_system.h"

namespace presswork::store {

namespace fs = std::filesystem;

// Before anything is published from the workspace; on disk when it returns. Doing it again costs a look.
void register_workspace(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace);

struct Registered {
  fs::path root;
  bool there = true;  // false: removed, or on a disk that is not mounted
};

// Sorted. A damaged entry is Error{corrupt}: whose results it stands for cannot be known.
std::vector<Registered> registered_workspaces(base::FileSystem& file_system, const fs::path& store);

// For a workspace that is gone for good.
void unregister_workspace(base::FileSystem& file_system, const fs::path& store, const fs::path& workspace);

}  // namespace presswork::store
