// Where an artifact outside the store lies, and what stat said of its files when their digests were taken.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/store/scan.h"

namespace presswork::store {

struct PlaceFile {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;

  bool operator==(const PlaceFile&) const = default;
};

struct Place {
  fs::path root;  // absolute
  bool directory = true;
  std::vector<PlaceFile> files;

  bool operator==(const Place&) const = default;
  static Place of(const fs::path& root, bool directory, const std::vector<FoundFile>& found);
  base::Json to_json() const;
  static Place from_json(const base::Json& json);  // throws what nlohmann throws
};

}  // namespace presswork::store
