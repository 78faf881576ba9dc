// A folder of this process inside the store's tmp/, where things are put together before they are moved into
// place.
#pragma once

#include <filesystem>
#include <mutex>

#include "orchestrator/base/file_system.h"

namespace presswork::store {

namespace fs = std::filesystem;

class Staging {
 public:
  Staging(base::FileSystem& file_system, fs::path tmp) : file_system_(file_system), tmp_(std::move(tmp)) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  fs::path fresh();  // a path in the folder that nothing has yet; made with the folder on first use

  // Removes the folders of processes that are gone. A folder in use is held by flock, which works across
  // process-id name spaces, where a look at the process id would not.
  void sweep();

 private:
  void create();

  base::FileSystem& file_system_;
  fs::path tmp_;
  std::mutex mutex_;
  fs::path folder_;
  int held_ = -1;  // descriptor that holds the flock
  unsigned long counter_ = 0;
};

// Removes the thing at a staged path when the scope ends, whatever happened; never throws.
class StagedPath {
 public:
  StagedPath(base::FileSystem& file_system, fs::path staged)
      : path(std::move(staged)), file_system_(file_system) {}
  ~StagedPath();
  StagedPath(const StagedPath&) = delete;
  StagedPath& operator=(const StagedPath&) = delete;

  const fs::path path;

 private:
  base::FileSystem& file_system_;
};

}  // namespace presswork::store
