// Hashes many files, with several threads where that pays.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "orchestrator/store/artifact_store.h"

namespace presswork::store {

struct HashJob {
  fs::path path;
  base::FileStatus before;  // what stat said when the file was found
  std::string sha256;       // the result
};

// Fills in the digests. `then` (may be empty) is called for each job once it is hashed, on the thread that
// did it. `progress` is called by one thread at a time. Throws Error{io} when a file changes meanwhile, and
// whatever the file system, `then` and `progress` throw.
void hash_files(base::FileSystem& file_system, std::vector<HashJob>& jobs, const ByteProgress& progress,
                const std::function<void(const HashJob&)>& then = {});

}  // namespace presswork::store
