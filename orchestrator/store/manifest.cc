// The manifest as JSON: what is written, and what of it is believed when it is read back.
#include <algorithm>
#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/digest.h"

namespace presswork::store {

namespace {

constexpr int manifest_version = 1;

[[noreturn]] void refuse(const std::string& problem) {
  throw base::Error(base::ErrorCode::corrupt, "damaged manifest: " + problem,
                    "the artifact has to be made again by its stage");
}

void check_path(const std::string& path) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) {
      refuse("the path \"" + path + "\" is not a plain relative path");
    }
    if (end == path.size()) return;
    begin = end + 1;
  }
}

FileEntry entry_from_json(const base::Json& json) {
  const bool complete = json.is_object() && json.contains("path") && json["path"].is_string() &&
                        json.contains("size") && json["size"].is_number_unsigned() &&
                        json.contains("sha256") && json["sha256"].is_string();
  if (!complete) refuse("an entry of \"files\" lacks path, size or sha256");
  FileEntry entry{json["path"].get<std::string>(), json["size"].get<std::uint64_t>(),
                  json["sha256"].get<std::string>()};
  check_path(entry.path);
  if (!is_digest(entry.sha256)) refuse("\"" + entry.sha256 + "\" is not a SHA-256");
  return entry;
}

// Sorted, none twice, and none that is a folder of another.
void check_paths_agree(const std::vector<FileEntry>& files) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i > 0 && files[i - 1].path >= files[i].path) refuse("\"" + files[i].path + "\" is out of order");
    names.insert(files[i].path);
  }
  for (const FileEntry& entry : files) {
    for (std::size_t at = entry.path.find('/'); at != std::string::npos; at = entry.path.find('/', at + 1)) {
      if (names.count(entry.path.substr(0, at)) > 0) refuse("\"" + entry.path + "\" lies below a file");
    }
  }
}

}  // namespace

std::string Manifest::digest() const { return base::sha256(base::canonical(to_json())); }

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const FileEntry& entry : files) sum += entry.size;
  return sum;
}

base::Json Manifest::to_json() const {
  base::Json list = base::Json::array();
  for (const FileEntry& entry : files) {
    list.push_back({{"path", entry.path}, {"size", entry.size}, {"sha256", entry.sha256}});
  }
  return {{"manifest", manifest_version}, {"directory", directory}, {"files", std::move(list)}};
}

Manifest Manifest::from_json(const base::Json& json) {
  if (!json.is_object() || !json.contains("manifest") || !json["manifest"].is_number_integer()) {
    refuse("it is not a manifest");
  }
  if (json["manifest"].get<std::int64_t>() != manifest_version) {
    refuse("its version is " + json["manifest"].dump() + ", known is " + std::to_string(manifest_version));
  }
  if (!json.contains("directory") || !json["directory"].is_boolean() || !json.contains("files") ||
      !json["files"].is_array()) {
    refuse("it lacks \"directory\" or \"files\"");
  }
  Manifest manifest;
  manifest.directory = json["directory"].get<bool>();
  for (const base::Json& entry : json["files"]) manifest.files.push_back(entry_from_json(entry));
  check_paths_agree(manifest.files);
  const bool one_plain_file =
      manifest.files.size() == 1 && manifest.files[0].path.find('/') == std::string::npos;
  if (!manifest.directory && !one_plain_file) refuse("a single file was expected");
  return manifest;
}

}  // namespace presswork::store
