// Looks at what the store holds, byte by byte where asked.
#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/reference.h"
#include "orchestrator/store/scan.h"
#include "orchestrator/store/staging.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::FileKind;

namespace {

// What is wrong with one file; empty when it is sound.
std::string file_problem(base::FileSystem& file_system, const fs::path& path, const FileEntry& expected,
                         bool rehash, const ByteProgress& progress) {
  const auto status = file_system.status(path);
  if (!status) return "missing";
  if (status->kind != FileKind::regular) return "not a file";
  if (status->size != expected.size) {
    return "size " + std::to_string(status->size) + ", expected " + std::to_string(expected.size);
  }
  if (!rehash) return {};
  try {
    const std::string sha256 = file_system.sha256(path, progress);
    return sha256 == expected.sha256 ? "" : "has other contents: sha256 " + sha256;
  } catch (const Error& error) {
    if (error.code != ErrorCode::io) throw;
    return error.message;  // an unreadable sector is damage, too
  }
}

}  // namespace

std::vector<Damage> ArtifactStore::verify(const std::string& digest, bool rehash,
                                          const ByteProgress& progress, KnownObjects* known) const {
  Manifest contents;
  try {
    contents = manifest(digest);
  } catch (const Error& error) {
    if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
    return {{digest, error.code == ErrorCode::not_found ? "missing" : error.message}};
  }
  KnownObjects own;
  std::vector<Damage> damage = verify_objects(contents, rehash, progress, known == nullptr ? own : *known);
  if (!damage.empty() && !places(digest).empty()) return verify_places(digest, contents, rehash, progress);
  const std::vector<Damage> of_tree = verify_tree(contents, digest, rehash, progress);
  damage.insert(damage.end(), of_tree.begin(), of_tree.end());
  return damage;
}

std::vector<Damage> ArtifactStore::verify_objects(const Manifest& contents, bool rehash,
                                                  const ByteProgress& progress, KnownObjects& known) const {
  std::vector<Damage> damage;
  std::set<std::string> seen;
  for (const FileEntry& entry : contents.files) {
    if (!seen.insert(entry.sha256).second) continue;
    auto found = known.find(entry.sha256);
    if (found == known.end()) {
      const fs::path object = object_path(entry.sha256);
      found = known.emplace(entry.sha256, file_problem(file_system_, object, entry, rehash, progress)).first;
    }
    if (!found->second.empty()) damage.push_back({entry.sha256, found->second});
  }
  return damage;
}

// A tree's file is the object itself, unless the file system could not link it: then it is looked at, too.
std::vector<Damage> ArtifactStore::verify_tree(const Manifest& contents, const std::string& digest,
                                               bool rehash, const ByteProgress& progress) const {
  const fs::path tree = tree_path(digest);
  const auto status = file_system_.status(tree);
  if (!status) return {};
  std::vector<Damage> damage;
  for (const FileEntry& entry : contents.files) {
    const auto there = file_system_.status(tree / entry.path);
    const auto original = file_system_.status(object_path(entry.sha256));
    if (!there || (original && original->inode == there->inode && original->device == there->device))
      continue;
    const std::string problem = file_problem(file_system_, tree / entry.path, entry, rehash, progress);
    if (!problem.empty()) {
      damage.push_back({entry.sha256, (tree / entry.path).native() + ": " + problem, true});
    }
  }
  // locate() finds what is missing or was added by itself.
  if (damage.empty() && rehash && !tree_sound(contents, tree)) {
    damage.push_back({digest, tree.native() + ": files were added or removed", true});
  }
  return damage;
}

std::vector<Damage> ArtifactStore::verify_places(const std::string& digest, const Manifest& contents,
                                                 bool rehash, const ByteProgress& progress) const {
  std::vector<Damage> damage;
  for (const Place& place : places(digest)) {
    std::vector<Damage> here;
    if (const std::string problem = place_problem(place); !problem.empty()) here.push_back({digest, problem});
    if (here.empty() && rehash) {
      for (const FoundFile& found : scan(file_system_, place.root, ScanRule::referenced)) {
        for (const FileEntry& entry : contents.files) {
          if (entry.path != found.path) continue;
          const std::string problem = file_problem(file_system_, found.real, entry, true, progress);
          if (!problem.empty()) here.push_back({entry.sha256, found.real.native() + ": " + problem});
        }
      }
    }
    if (here.empty()) return {};  // one sound place is enough
    damage.insert(damage.end(), here.begin(), here.end());
  }
  return damage;
}

std::vector<Damage> ArtifactStore::verify_before_use(const std::string& digest,
                                                     const ByteProgress& progress) {
  std::vector<Damage> damage = verify(digest, false);
  if (!damage.empty()) return damage;
  const Manifest contents = manifest(digest);
  KnownObjects known;
  for (const FileEntry& entry : contents.files) {
    if (!object_intact(entry)) return {};  // it lies outside the store, as it did
    if (known_sound(entry)) known.emplace(entry.sha256, "");
  }
  damage = verify_objects(contents, true, progress, known);
  for (const FileEntry& entry : contents.files) {
    if (known[entry.sha256].empty()) remember_sound(entry);
  }
  const std::vector<Damage> of_tree = verify_tree(contents, digest, true, progress);
  damage.insert(damage.end(), of_tree.begin(), of_tree.end());
  return damage;
}

bool ArtifactStore::is_known_sound(const std::string& digest) {
  try {
    const Manifest contents = manifest(digest);
    return std::all_of(contents.files.begin(), contents.files.end(), [&](const FileEntry& entry) {
      return known_sound(entry) || (!object_intact(entry) && !places(digest).empty());
    });
  } catch (const Error& error) {
    if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
    return false;
  }
}

// Right after it was hashed.
void ArtifactStore::remember_sound(const FileEntry& entry) {
  const auto status = file_system_.status(object_path(entry.sha256));
  const std::lock_guard lock(mutex_);
  if (status) sound_[entry.sha256] = *status;
}

bool ArtifactStore::known_sound(const FileEntry& entry) {
  const auto status = file_system_.status(object_path(entry.sha256));
  const std::lock_guard lock(mutex_);
  const auto found = sound_.find(entry.sha256);
  return status && found != sound_.end() && status->inode == found->second.inode &&
         status->size == found->second.size && status->mtime_ns == found->second.mtime_ns;
}

void ArtifactStore::discard(const std::string& digest) {
  Manifest contents;
  try {
    contents = manifest(digest);
  } catch (const Error& error) {
    if (error.code != ErrorCode::not_found && error.code != ErrorCode::corrupt) throw;
  }
  // The manifest goes first: without it nothing else is visible.
  file_system_.remove_all(manifest_path(digest));
  file_system_.sync(manifest_path(digest).parent_path());
  file_system_.remove_all(reference_path(digest));
  if (const fs::path tree = tree_path(digest); file_system_.status(tree)) {
    const StagedPath aside(file_system_, staging_->fresh());
    file_system_.rename(tree, aside.path);
  }
  for (const FileEntry& entry : contents.files) {
    const fs::path object = object_path(entry.sha256);
    // Twice: what could not be read once may be sound, and another artifact's, too.
    const auto damaged = [&] { return !file_problem(file_system_, object, entry, true, {}).empty(); };
    if (damaged() && damaged()) file_system_.remove_all(object);
    const std::lock_guard lock(mutex_);
    durable_.erase(object);
  }
  const std::lock_guard lock(mutex_);
  durable_.erase(manifest_path(digest));
}

}  // namespace presswork::store
