// Which files of a model folder may be read, and which of them are weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace presswork::modelkit {

// The real path of the regular file `name` (relative, no "..") in `folder` (a real path). Links are followed
// only to where the same model lives: to a file inside `folder`, or, when `folder` is a Hugging Face cache
// snapshot
// (".../snapshots/<revision>"), to a file directly in its sibling ".../blobs". Anything else could make a
// downloaded folder read the user's private files, and throws "invalid_input".
std::filesystem::path resolve_in_folder(const std::filesystem::path& folder, const std::string& name);

struct FolderListing {
  std::vector<std::string> carried;  // relative paths of all files that are not weights, sorted
  std::vector<std::string> weights;  // *.safetensors and its index, *.bin, *.pt, *.pth, *.gguf, ..., sorted
};

// Files in `folder` and below it; hidden folders (".git", ".cache") are left out, config.json is not listed.
FolderListing list_folder(const std::filesystem::path& folder);

}  // namespace presswork::modelkit
