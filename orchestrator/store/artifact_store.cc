// The layout, publication and manifests. Trees are in tree.cc, references in reference.cc, checks in
// verify.cc.
#include "orchestrator/store/artifact_store.h"

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/store/digest.h"
#include "orchestrator/store/hashing.h"
#include "orchestrator/store/reference.h"
#include "orchestrator/store/scan.h"
#include "orchestrator/store/staging.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::FileKind;

namespace {

constexpr int store_version = 1;
constexpr std::uint32_t read_only = 0444;

void require_digest(const std::string& text) {
  if (!is_digest(text))
    throw Error(ErrorCode::not_found, "\"" + text + "\" is not the digest of an artifact");
}

fs::path two_level(const fs::path& root, const char* kind, const std::string& digest,
                   const char* suffix = "") {
  require_digest(digest);
  return root / kind / digest.substr(0, 2) / (digest.substr(2) + suffix);
}

}  // namespace

// One artifact on its way into the store; files and manifest entries are parallel.
struct ArtifactStore::Pending {
  fs::path produced;
  std::vector<FoundFile> files;
  Manifest manifest;
  bool remade = false;  // an object of it was not in the store, or damaged there
};

ArtifactStore::ArtifactStore(base::FileSystem& file_system, fs::path root)
    : file_system_(file_system), root_(std::move(root)) {
  staging_ = std::make_unique<Staging>(file_system_, root_ / "tmp");
  create_layout();
}

ArtifactStore::~ArtifactStore() = default;

// The version file comes last: where it is, the folders are.
void ArtifactStore::create_layout() {
  const fs::path version_file = root_ / "version";
  if (file_system_.status(version_file)) {
    const std::string text = file_system_.read(version_file);
    if (text == std::to_string(store_version) + "\n") return;
    throw Error(ErrorCode::incompatible,
                "the store " + root_.native() + " has version " + text.substr(0, text.find('\n')) +
                    "; this program knows version " + std::to_string(store_version),
                "use the program that made it, or another --workspace");
  }
  for (const char* kind : {"objects", "manifests", "trees", "references", "tmp"}) {
    file_system_.create_directories(root_ / kind);
  }
  file_system_.write_durably(version_file, std::to_string(store_version) + "\n");
  file_system_.sync(root_.parent_path().empty() ? fs::path(".") : root_.parent_path());
}

fs::path ArtifactStore::object_path(const std::string& sha256) const {
  return two_level(root_, "objects", sha256);
}
fs::path ArtifactStore::manifest_path(const std::string& digest) const {
  return two_level(root_, "manifests", digest, ".json");
}
fs::path ArtifactStore::tree_path(const std::string& digest) const {
  require_digest(digest);
  return root_ / "trees" / digest;
}
fs::path ArtifactStore::reference_path(const std::string& digest) const {
  return two_level(root_, "references", digest, ".json");
}

bool ArtifactStore::object_intact(const FileEntry& entry) const {
  const auto status = file_system_.status(object_path(entry.sha256));
  return status && status->kind == FileKind::regular && status->size == entry.size;
}

Artifact ArtifactStore::publish(const fs::path& produced, const ByteProgress& progress) {
  return publish(std::vector{produced}, progress).front();
}

std::vector<Artifact> ArtifactStore::publish(const std::vector<fs::path>& produced,
                                             const ByteProgress& progress) {
  std::vector<Pending> artifacts;
  std::vector<HashJob> jobs;
  for (const fs::path& path : produced) {
    artifacts.push_back(examine(path));
    for (const FoundFile& file : artifacts.back().files) jobs.push_back({file.real, file.status, {}});
  }
  hash_files(file_system_, jobs, progress);

  Unsynced objects;
  std::size_t next = 0;
  for (Pending& artifact : artifacts) {
    for (const FoundFile& file : artifact.files) {
      const FileEntry entry{file.path, file.status.size, jobs[next++].sha256};
      artifact.manifest.files.push_back(entry);
      const fs::path object = object_path(entry.sha256);
      make_room(object, objects);
      const bool made = store_object(file, entry, progress);
      artifact.remade = artifact.remade || made;
      if (made) remember_sound(entry);  // one that was there has not been read
      if (!made && known_durable(object)) continue;
      objects.entries.push_back(object);
      objects.folders.insert(object.parent_path());
    }
  }
  settle(objects);

  std::vector<Artifact> published;
  Unsynced manifests;
  for (const Pending& artifact : artifacts) {
    const Manifest& manifest = artifact.manifest;
    published.push_back({manifest.digest(), manifest.bytes(), manifest.files.size()});
    write_manifest(manifest, published.back().digest, manifests);
    // A tree that is there already is made of objects that were lost or damaged.
    const fs::path tree = tree_path(published.back().digest);
    if (artifact.remade && file_system_.status(tree)) file_system_.remove_all(tree);
  }
  settle(manifests);
  for (const fs::path& path : produced) StagedPath gone(file_system_, path);
  return published;
}

ArtifactStore::Pending ArtifactStore::examine(const fs::path& produced) const {
  Pending pending;
  pending.produced = produced;
  const auto status = file_system_.status(produced);
  pending.files = scan(file_system_, produced, ScanRule::produced);
  pending.manifest.directory = status && status->kind == FileKind::directory;
  for (const FoundFile& file : pending.files) {
    // Another name of the file may be somebody's own: its mode is not ours to change.
    if (file.status.links == 1) file_system_.set_mode(file.real, read_only);
  }
  return pending;
}

// Gives the object its name; false when the store has it already. The produced file keeps its own name until
// the whole artifact is in, so that a failed publication can be repeated. A file that has other names is
// copied: whoever holds those could write to it.
bool ArtifactStore::store_object(const FoundFile& found, const FileEntry& entry,
                                 const ByteProgress& progress) {
  const auto may_stop = [&](std::size_t) {
    if (progress) progress(0);
  };
  const fs::path object = object_path(entry.sha256);
  if (object_intact(entry)) {
    if (file_system_.sha256(object, may_stop) == entry.sha256) return false;
    // Damaged in place, size and all: the good copy at hand takes its name; trees are made anew from it.
    const StagedPath copy(file_system_, staging_->fresh());
    file_system_.copy(found.real, copy.path);
    file_system_.set_mode(copy.path, read_only);
    file_system_.sync(copy.path);
    file_system_.rename(copy.path, object);
    return true;
  }
  if (found.status.links == 1) {
    file_system_.sync(found.real);
    if (file_system_.hard_link(found.real, object) == base::Linked::yes) return true;
  }
  if (object_intact(entry)) return false;  // another process was first
  const StagedPath copy(file_system_, staging_->fresh());
  file_system_.copy(found.real, copy.path);
  file_system_.set_mode(copy.path, read_only);
  if (file_system_.sha256(copy.path, may_stop) != entry.sha256) {
    throw Error(ErrorCode::io, found.real.native() + " changed while it was being published",
                "the stage must have ended all writing before it reports success");
  }
  file_system_.sync(copy.path);
  file_system_.rename(copy.path, object);  // also over a damaged object
  return true;
}

void ArtifactStore::write_manifest(const Manifest& manifest, const std::string& digest, Unsynced& unsynced) {
  const std::string text = base::canonical(manifest.to_json());
  const fs::path path = manifest_path(digest);
  make_room(path, unsynced);
  const auto status = file_system_.status(path);
  const bool there = status && status->kind == FileKind::regular && status->size == text.size() &&
                     base::sha256(file_system_.read(path)) == digest;
  if (there && known_durable(path)) return;
  if (!there) write_whole(path, text);
  unsynced.entries.push_back(path);
  unsynced.folders.insert(path.parent_path());
}

// The folder of `path` is not synced here: settle() does that.
void ArtifactStore::write_whole(const fs::path& path, const std::string& text) {
  const StagedPath staged(file_system_, staging_->fresh());
  file_system_.write(staged.path, text);
  file_system_.sync(staged.path);
  file_system_.rename(staged.path, path);
}

// Makes the folder <kind>/ab that `path` goes into. Those that other processes made before this one's first
// look are synced then, all at once; one that appears later, whoever made it, when it is first used.
void ArtifactStore::make_room(const fs::path& path, Unsynced& unsynced) {
  const fs::path folder = path.parent_path();
  const fs::path kind = folder.parent_path();
  if (known_durable(folder)) return;
  if (!known_durable(kind)) {
    Unsynced all{{kind}, {kind}};
    for (const std::string& name : file_system_.list(kind)) all.entries.push_back(kind / name);
    settle(all);
    if (known_durable(folder)) return;
  }
  file_system_.create_directories(folder);
  unsynced.folders.insert(kind);
  unsynced.entries.push_back(folder);
}

void ArtifactStore::settle(const Unsynced& unsynced) {
  for (const fs::path& folder : unsynced.folders) file_system_.sync(folder);
  const std::lock_guard lock(mutex_);
  durable_.insert(unsynced.entries.begin(), unsynced.entries.end());
}

bool ArtifactStore::known_durable(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  return durable_.count(path) > 0;
}

bool ArtifactStore::contains(const std::string& digest) const {
  const auto status = file_system_.status(manifest_path(digest));
  return status && status->kind == FileKind::regular;
}

Manifest ArtifactStore::manifest(const std::string& digest) const {
  const fs::path path = manifest_path(digest);
  std::string text;
  try {
    text = file_system_.read(path);
  } catch (const Error&) {
    if (contains(digest)) throw;
    throw Error(ErrorCode::not_found, "the store has no artifact " + digest);
  }
  if (base::sha256(text) != digest) {
    throw Error(ErrorCode::corrupt,
                "the manifest " + path.native() + " is damaged: its text has another digest",
                "the artifact has to be made again by its stage");
  }
  return Manifest::from_json(base::parse_json(text, path.native()));
}

void ArtifactStore::sweep() { staging_->sweep(); }

}  // namespace presswork::store
