// The files that an artifact consists of, found on disk.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/base/file_system.h"

namespace presswork::store {

namespace fs = std::filesystem;

struct FoundFile {
  std::string path;         // relative to the artifact's root, UTF-8
  fs::path real;            // where its bytes are; symbolic links followed
  base::FileStatus status;  // of `real`
};

enum class ScanRule {
  produced,    // everything counts; symbolic links are refused
  referenced,  // links to regular files are followed, hidden entries left out
};

// The regular files at or below `root`, sorted by path; for a single file one entry with the file's name.
// Throws Error{invalid_input} for what cannot be part of an artifact, {not_found} when there is nothing at
// `root`.
std::vector<FoundFile> scan(base::FileSystem& file_system, const fs::path& root, ScanRule rule);

// Throws Error{invalid_input} when the path is not UTF-8 and so cannot stand in a JSON document.
void require_utf8(const fs::path& path);

}  // namespace presswork::store
