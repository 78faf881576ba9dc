// What nobody needs leaves the store.
#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/digest.h"
#include "orchestrator/store/staging.h"

namespace presswork::store {

namespace {

// The digests that <kind>/ab/cdef…<ending> stand for; whatever else lies there is left alone.
std::vector<std::string> names_in(base::FileSystem& file_system, const fs::path& kind,
                                  const std::string& ending) {
  std::vector<std::string> digests;
  if (!file_system.status(kind)) return digests;
  for (const std::string& front : file_system.list(kind)) {
    const auto status = file_system.status(kind / front);
    if (!status || status->kind != base::FileKind::directory) continue;
    for (const std::string& name : file_system.list(kind / front)) {
      if (!name.ends_with(ending)) continue;
      const std::string digest = front + name.substr(0, name.size() - ending.size());
      if (front.size() == 2 && is_digest(digest)) digests.push_back(digest);
    }
  }
  return digests;
}

}  // namespace

std::vector<std::string> ArtifactStore::artifacts() const {
  return names_in(file_system_, root_ / "manifests", ".json");
}

void ArtifactStore::discard_tree(const std::string& digest) {
  const fs::path tree = tree_path(digest);
  if (!file_system_.status(tree)) return;
  const StagedPath aside(file_system_, staging_->fresh());
  file_system_.rename(tree, aside.path);
}

// Manifests go first, and for good: without its manifest nothing else of an artifact is visible, and no
// object is missed.
void ArtifactStore::remove_artifacts(const std::vector<std::string>& digests) {
  std::set<fs::path> folders;
  for (const std::string& digest : digests) {
    file_system_.remove_all(manifest_path(digest));
    folders.insert(manifest_path(digest).parent_path());
  }
  for (const fs::path& folder : folders) file_system_.sync(folder);
  // Also what an earlier collect() left of artifacts whose manifests it had removed.
  for (const std::string& digest : names_in(file_system_, root_ / "references", ".json")) {
    if (!contains(digest)) file_system_.remove_all(reference_path(digest));
  }
  for (const std::string& name : file_system_.list(root_ / "trees")) {
    if (is_digest(name) && !contains(name)) discard_tree(name);
  }
  const std::lock_guard lock(mutex_);
  for (const std::string& digest : digests) {
    durable_.erase(manifest_path(digest));
    durable_.erase(reference_path(digest));
  }
}

Garbage ArtifactStore::collect(const std::set<std::string>& keep, bool dry_run) {
  Garbage garbage;
  std::set<std::string> needed;  // objects
  std::vector<std::string> gone;
  for (const std::string& digest : artifacts()) {
    if (!keep.contains(digest)) {
      gone.push_back(digest);
      continue;
    }
    // All of them are read before anything is removed.
    for (const FileEntry& entry : manifest(digest).files) needed.insert(entry.sha256);
  }
  garbage.artifacts = gone.size();
  if (!dry_run) remove_artifacts(gone);
  for (const std::string& sha256 : names_in(file_system_, root_ / "objects", "")) {
    if (needed.contains(sha256)) continue;
    const auto status = file_system_.status(object_path(sha256));
    ++garbage.objects;
    // A file that was exported by hard link stays on the disk. Before the trees are gone, their links count.
    if (status && (dry_run || status->links == 1)) garbage.bytes += status->size;
    if (dry_run) continue;
    file_system_.remove_all(object_path(sha256));
    const std::lock_guard lock(mutex_);
    durable_.erase(object_path(sha256));
  }
  return garbage;
}

}  // namespace presswork::store
