#include "orchestrator/store/reference.h"

#include <algorithm>

#include "orchestrator/base/clock.h"
#include "orchestrator/base/error.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/hashing.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::FileKind;

namespace {

constexpr std::size_t most_places = 8;                  // older ones of the same artifact are forgotten
constexpr std::int64_t racy_window_ns = 2'000'000'000;  // the coarsest time stamps in use (FAT) count by 2 s

// The same place whichever way it is written. The last name of a single file is kept, even where it is a
// link, because it is part of the artifact.
fs::path real_root(base::FileSystem& file_system, const fs::path& path) {
  require_utf8(path);
  const fs::path absolute = fs::absolute(path).lexically_normal();
  const fs::path real = file_system.resolve(absolute);
  const auto status = file_system.status(real);
  if (status && status->kind == FileKind::directory) return real;
  if (!absolute.has_filename()) {
    throw Error(ErrorCode::invalid_input, path.native() + " is a file, not a folder",
                "leave out the last '/'");
  }
  return file_system.resolve(absolute.parent_path()) / absolute.filename();
}

bool is_folder(base::FileSystem& file_system, const fs::path& path) {
  const auto status = file_system.status(path);
  return status && status->kind == FileKind::directory;
}

}  // namespace

Place Place::of(const fs::path& root, bool directory, const std::vector<FoundFile>& found) {
  Place place{root, directory, {}};
  for (const FoundFile& file : found) {
    place.files.push_back({file.path, file.status.size, file.status.mtime_ns, file.status.inode});
  }
  return place;
}

base::Json Place::to_json() const {
  base::Json list = base::Json::array();
  for (const PlaceFile& file : files) {
    list.push_back(
        {{"path", file.path}, {"size", file.size}, {"mtime_ns", file.mtime_ns}, {"inode", file.inode}});
  }
  return {{"root", root.native()}, {"directory", directory}, {"files", std::move(list)}};
}

Place Place::from_json(const base::Json& json) {
  Place place{json.at("root").get<std::string>(), json.at("directory").get<bool>(), {}};
  for (const base::Json& file : json.at("files")) {
    place.files.push_back(
        {file.at("path").get<std::string>(), file.at("size").get_ref<const std::uint64_t&>(),
         file.at("mtime_ns").get<std::int64_t>(), file.at("inode").get_ref<const std::uint64_t&>()});
  }
  return place;
}

Manifest ArtifactStore::measure(const fs::path& root, const std::vector<FoundFile>& found, bool directory,
                                DigestMemo& memo, bool rehash, const ByteProgress& progress) {
  Manifest manifest;
  manifest.directory = directory;
  std::vector<HashJob> jobs;
  std::vector<std::size_t> targets;  // jobs[i] is of manifest.files[targets[i]]
  for (const FoundFile& file : found) {
    auto known = rehash ? std::nullopt : memo.find(file.real, file.status);
    if (!known) {
      jobs.push_back({file.real, file.status, {}});
      targets.push_back(manifest.files.size());
    }
    manifest.files.push_back({file.path, file.status.size, known.value_or("")});
  }
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(base::system_clock().now().time_since_epoch())
          .count();
  hash_files(file_system_, jobs, progress, [&](const HashJob& job) {
    // Also when a later file fails: what was hashed need not be hashed again.
    if (job.before.mtime_ns < now - racy_window_ns) memo.remember(job.path, job.before, job.sha256);
  });
  for (std::size_t i = 0; i < jobs.size(); ++i) manifest.files[targets[i]].sha256 = jobs[i].sha256;
  if (!directory && manifest.files.size() != 1) {
    throw Error(ErrorCode::io, root.native() + " changed while it was being read", "run again");
  }
  return manifest;
}

std::string ArtifactStore::digest_of(const fs::path& path, DigestMemo& memo, bool rehash,
                                     const ByteProgress& progress) {
  const fs::path root = real_root(file_system_, path);
  const auto found = scan(file_system_, root, ScanRule::referenced);
  return measure(root, found, is_folder(file_system_, root), memo, rehash, progress).digest();
}

Artifact ArtifactStore::reference(const fs::path& path, DigestMemo& memo, bool rehash,
                                  const ByteProgress& progress) {
  const fs::path root = real_root(file_system_, path);
  const auto found = scan(file_system_, root, ScanRule::referenced);
  const bool directory = is_folder(file_system_, root);
  const Manifest manifest = measure(root, found, directory, memo, rehash, progress);
  const std::string digest = manifest.digest();

  record(manifest, digest, Place::of(root, directory, found));
  return {digest, manifest.bytes(), manifest.files.size()};
}

// The places first, then the manifest, which makes the artifact visible.
void ArtifactStore::record(const Manifest& manifest, const std::string& digest, const Place& place) {
  const fs::path path = reference_path(digest);
  Unsynced unsynced;
  make_room(path, unsynced);
  std::vector<Place> all = places(digest);
  const bool there = !all.empty() && all.front() == place;
  if (!there) {
    all.erase(
        std::remove_if(all.begin(), all.end(), [&](const Place& old) { return old.root == place.root; }),
        all.end());
    all.insert(all.begin(), place);
    if (all.size() > most_places) all.resize(most_places);
    base::Json list = base::Json::array();
    for (const Place& each : all) list.push_back(each.to_json());
    write_whole(path, base::canonical({{"places", std::move(list)}}));
  }
  if (!there || !known_durable(path)) {
    unsynced.folders.insert(path.parent_path());
    unsynced.entries.push_back(path);
  }
  settle(unsynced);
  Unsynced manifests;
  write_manifest(manifest, digest, manifests);
  settle(manifests);
}

// A damaged record is as good as none: the next reference() writes it anew.
std::vector<Place> ArtifactStore::places(const std::string& digest) const {
  const fs::path record = reference_path(digest);
  if (!file_system_.status(record)) return {};
  std::vector<Place> all;
  try {
    const base::Json json = base::parse_json(file_system_.read(record), record.native());
    for (const base::Json& place : json.at("places")) all.push_back(Place::from_json(place));
  } catch (const base::Json::exception&) {
  } catch (const Error& error) {
    if (error.code != ErrorCode::invalid_input) throw;
  }
  return all;
}

// Empty when everything is as it was; else a sentence that names the first difference.
std::string ArtifactStore::place_problem(const Place& place) const {
  std::vector<FoundFile> found;
  try {
    found = scan(file_system_, place.root, ScanRule::referenced);
  } catch (const Error& error) {
    return error.message;
  }
  const Place now = Place::of(place.root, is_folder(file_system_, place.root), found);
  const std::string since = " since its digest was taken";
  for (std::size_t i = 0; i < std::max(now.files.size(), place.files.size()); ++i) {
    const bool ended = i >= now.files.size();
    if (i >= place.files.size() || (!ended && now.files[i].path < place.files[i].path)) {
      return (place.root / now.files[i].path).native() + " was added to the folder" + since;
    }
    const std::string file =
        place.directory ? (place.root / place.files[i].path).native() : place.root.native();
    if (ended || now.files[i].path != place.files[i].path) return file + " is gone" + since;
    if (now.files[i].size != place.files[i].size) {
      return file + " changed" + since + ": its size is " + std::to_string(now.files[i].size) +
             " bytes, was " + std::to_string(place.files[i].size);
    }
    if (!(now.files[i] == place.files[i])) {
      return file + " changed" + since + ": it was " +
             (now.files[i].inode == place.files[i].inode ? "written to" : "replaced");
    }
  }
  return now.directory == place.directory ? "" : place.root.native() + " changed" + since;
}

}  // namespace presswork::store
