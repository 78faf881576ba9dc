// What plugins said about themselves, remembered by the identity of their files.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/json.h"

namespace presswork::plugins {

struct CachedPlugin {
  std::string digest;
  base::Json document;  // what the host made of describe(), checked
};

// What stat says of a file, as far as it tells one file from another: size, mtime, inode, device.
base::Json identity(const base::FileStatus& status);

class DescriptionCache {
 public:
  // Reads `file`; an unreadable, damaged or outdated one is an empty cache. "" = remember nothing.
  explicit DescriptionCache(std::filesystem::path file);

  // What is known of the file at `path`, if it is still the same by size, mtime, inode and device.
  std::optional<CachedPlugin> find(const std::filesystem::path& path, const base::FileStatus& status) const;

  void put(const std::filesystem::path& path, const base::FileStatus& status, const CachedPlugin& plugin);

  // Writes the file atomically if something was put. A cache that cannot be written is no error.
  void save() const { save_as(file_); }
  void save_as(const std::filesystem::path& file) const;

 private:
  std::filesystem::path file_;
  std::map<std::string, base::Json> entries_;  // by path
  bool changed_ = false;
};

}  // namespace presswork::plugins
