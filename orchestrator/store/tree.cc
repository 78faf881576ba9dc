// Artifacts as folders that a stage can read, and copies for people.
#include <unistd.h>

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

fs::path ArtifactStore::locate(const std::string& digest) {
  const Manifest contents = manifest(digest);
  const FileEntry* broken = nullptr;
  for (const FileEntry& entry : contents.files) {
    if (object_intact(entry)) continue;
    broken = &entry;
    break;
  }
  if (broken != nullptr) {
    std::string problem;
    for (const Place& place : places(digest)) {
      const std::string changed = place_problem(place);
      if (changed.empty()) return place.root;
      if (problem.empty()) problem = changed;
    }
    if (!problem.empty()) {
      throw Error(ErrorCode::corrupt, problem,
                  "put the files back as they were, or start a new run, which reads them as they are now");
    }
    const auto status = file_system_.status(object_path(broken->sha256));
    throw Error(ErrorCode::corrupt,
                "the store has lost \"" + broken->path + "\" of artifact " + digest + ": " +
                    object_path(broken->sha256).native() + (status ? " has another size" : " is missing"),
                "the stage that made it has to run again");
  }
  const fs::path tree = tree_path(digest);
  if (!tree_sound(contents, tree)) build_tree(contents, tree);
  return fs::absolute(contents.directory ? tree : tree / contents.files.front().path);
}

bool ArtifactStore::tree_sound(const Manifest& contents, const fs::path& tree) const {
  const auto status = file_system_.status(tree);
  if (!status || status->kind != FileKind::directory) return false;
  std::vector<FoundFile> found;
  try {
    found = scan(file_system_, tree, ScanRule::produced);
  } catch (const Error& error) {
    if (error.code == ErrorCode::invalid_input) return false;  // somebody put a symbolic link there
    throw;
  }
  if (found.size() != contents.files.size()) return false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].path != contents.files[i].path || found[i].status.size != contents.files[i].size)
      return false;
  }
  return true;
}

void ArtifactStore::build_tree(const Manifest& contents, const fs::path& tree) {
  const StagedPath staged(file_system_, staging_->fresh());
  file_system_.create_directories(staged.path);
  for (const FileEntry& entry : contents.files) {
    const fs::path file = staged.path / entry.path;
    if (entry.path.find('/') != std::string::npos) file_system_.create_directories(file.parent_path());
    const fs::path object = object_path(entry.sha256);
    if (file_system_.hard_link(object, file) == base::Linked::yes) continue;
    file_system_.copy(object, file);
    file_system_.set_mode(file, 0444);
  }
  if (file_system_.status(tree)) {
    file_system_.exchange(staged.path, tree);  // the damaged one leaves with `staged`
    return;
  }
  try {
    file_system_.rename(staged.path, tree);
  } catch (const Error&) {
    if (!tree_sound(contents, tree)) throw;  // else another process was first
  }
}

void ArtifactStore::export_to(const std::string& digest, const fs::path& destination,
                              const ByteProgress& progress, Export how) {
  if (file_system_.status(destination)) {
    throw Error(ErrorCode::invalid_input, destination.native() + " exists already",
                "name a path that does not exist yet");
  }
  const Manifest contents = manifest(digest);
  const bool inside = std::all_of(contents.files.begin(), contents.files.end(),
                                  [this](const FileEntry& entry) { return object_intact(entry); });
  const fs::path outside = inside ? fs::path() : locate(digest);
  if (how == Export::hard_link && !inside) {
    throw Error(
        ErrorCode::invalid_input,
        "artifact " + digest + " lies outside the store, at " + outside.native() + ", and cannot be linked",
        "leave out --hard-link");
  }
  const fs::path absolute = fs::absolute(destination).lexically_normal();
  const fs::path target = absolute.has_filename() ? absolute : absolute.parent_path();
  file_system_.create_directories(target.parent_path());
  const std::string name = ".presswork-export-" + std::to_string(::getpid()) + "-" + digest.substr(0, 12);
  const StagedPath copy(file_system_, target.parent_path() / name);
  if (contents.directory) file_system_.create_directories(copy.path);
  for (const FileEntry& entry : contents.files) {
    const fs::path file = contents.directory ? copy.path / entry.path : copy.path;
    if (contents.directory) file_system_.create_directories(file.parent_path());
    const fs::path from = inside               ? object_path(entry.sha256)
                          : contents.directory ? outside / entry.path
                                               : outside;
    export_file(from, file, entry, how);
    if (progress) progress(entry.size);
  }
  if (file_system_.status(target)) {
    throw Error(ErrorCode::invalid_input, target.native() + " appeared while the export was under way",
                "name a path that does not exist yet");
  }
  file_system_.rename(copy.path, target);
}

void ArtifactStore::export_file(const fs::path& from, const fs::path& to, const FileEntry& entry,
                                Export how) {
  if (how == Export::copy) {
    file_system_.copy(from, to);
    file_system_.set_mode(to, 0644);
  } else if (file_system_.hard_link(from, to) != base::Linked::yes) {
    throw Error(ErrorCode::invalid_input, to.native() + " cannot be a hard link to the store",
                "name a place on the store's file system, or leave out --hard-link");
  }
  if (file_system_.sha256(to) == entry.sha256) return;
  throw Error(ErrorCode::corrupt, "\"" + entry.path + "\" is damaged in the store: " + from.native(),
              "`presswork verify --repair` makes room for its stage to do it again");
}

}  // namespace presswork::store
