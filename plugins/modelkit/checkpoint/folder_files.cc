#include "plugins/modelkit/checkpoint/folder_files.h"

#include <algorithm>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace fs = std::filesystem;
namespace {

bool lies_in(const fs::path& file, const fs::path& folder) {
  const auto relative = file.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && *relative.begin() != ".";
}

// ".../models--org--name/snapshots/<revision>" keeps its data in ".../models--org--name/blobs".
bool lies_in_cache_blobs(const fs::path& file, const fs::path& folder) {
  const auto snapshots = folder.parent_path();
  return snapshots.filename() == "snapshots" && file.parent_path() == snapshots.parent_path() / "blobs";
}

bool is_weight_file(const fs::path& name) {
  static const char* const kEndings[] = {".safetensors", ".bin",  ".pt",   ".pth", ".gguf", ".h5",
                                         ".msgpack",     ".onnx", ".ckpt", ".ot",  ".npz"};
  const std::string text = name.filename().string();
  if (text.ends_with(".safetensors.index.json") || text.ends_with(".bin.index.json")) return true;
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](const char* ending) { return text.ends_with(ending); });
}

}  // namespace

fs::path resolve_in_folder(const fs::path& folder, const std::string& name) {
  const fs::path relative(name);
  const bool climbs =
      std::any_of(relative.begin(), relative.end(), [](const fs::path& part) { return part == ".."; });
  if (name.empty() || relative.is_absolute() || climbs || name.find('\0') != std::string::npos) {
    throw Error("corrupt_file", "names the file \"" + name + "\" outside the model folder", folder.string(),
                "use the model's original files");
  }
  std::error_code error;
  const fs::path real = fs::canonical(folder / relative, error);
  if (error) {
    throw Error("invalid_input", "cannot be read: " + error.message(), (folder / relative).string(),
                "download the model folder completely");
  }
  if (!lies_in(real, folder) && !lies_in_cache_blobs(real, folder)) {
    throw Error("invalid_input", "is a link that leads out of the model folder, to " + real.string(),
                (folder / relative).string(), "replace the link by a copy of the file");
  }
  return real;
}

FolderListing list_folder(const fs::path& folder) {
  FolderListing listing;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator();
       ++entry) {
    const std::string base = entry->path().filename().string();
    if (entry->is_directory() && !entry->is_symlink()) {
      if (base.front() == '.') entry.disable_recursion_pending();
      continue;
    }
    if (base.front() == '.')
      continue;  // no part of the model: the store's digest of a folder leaves them out too
    const std::string name = entry->path().lexically_relative(folder).string();
    if (name == "config.json") continue;
    (is_weight_file(base) ? listing.weights : listing.carried).push_back(name);
  }
  std::sort(listing.carried.begin(), listing.carried.end());
  std::sort(listing.weights.begin(), listing.weights.end());
  return listing;
}

}  // namespace presswork::modelkit
