// The content-addressed store of artifacts: immutable files by SHA-256, and the trees made of them.
//
//   <root>/objects/ab/cdef…        file contents, read-only, never written in place
//   <root>/manifests/ab/cdef….json what an artifact consists of; its digest is the artifact's name
//   <root>/trees/abcdef…/          the artifact as a stage sees it: hard links to objects
//   <root>/references/ab/cdef….json where an artifact outside the store lies, and what stat said of its files
//   <root>/tmp/                    what is being put together; sweep() empties it of what dead processes left
//   <root>/workspaces/             who uses the store (registry.h)
//   <root>/lock                    held by runs, and by garbage collection for itself (store_lock.h)
//
// Modes: objects, and with them the files of trees, are 0444 (the executable bit is not part of an artifact);
// folders are 0755, so that `rm -r` and garbage collection work without chmod. A file added to a tree is
// found by locate(), which then makes the tree anew.
//
// Order of publication, so that a kill or power cut leaves nothing visible or the whole artifact: every
// object (contents synced, linked under its name, folder synced), then the manifest (likewise); trees come
// last, on demand, and are not synced, because they can be made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/json.h"

namespace presswork::store {

namespace fs = std::filesystem;

struct FileEntry {
  std::string path;  // relative, UTF-8, '/' between the parts; never absolute, never with ".."
  std::uint64_t size = 0;
  std::string sha256;
};

struct Manifest {
  bool directory = true;         // false: the artifact is its one file
  std::vector<FileEntry> files;  // sorted by path

  std::string digest() const;  // SHA-256 of the canonical JSON text of the manifest
  std::uint64_t bytes() const;
  base::Json to_json() const;
  static Manifest from_json(const base::Json& json);  // throws Error{corrupt}
};

struct Artifact {
  std::string digest;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};

// Digests of files outside the store, remembered by what stat said of them. The ledger keeps them. The store
// never has a file remembered that changed in the last two seconds before it was hashed: a second change
// could fall on the same time stamp and stay unseen.
class DigestMemo {
 public:
  virtual ~DigestMemo() = default;
  virtual std::optional<std::string> find(const fs::path& path, const base::FileStatus& status) = 0;
  virtual void remember(const fs::path& path, const base::FileStatus& status, const std::string& sha256) = 0;
};

// Hears how many bytes were hashed or copied since the last call (0: it only may stop); may throw to stop.
using ByteProgress = std::function<void(std::uint64_t bytes)>;

struct Damage {
  std::string digest;   // of the object or artifact
  std::string problem;  // "missing", "has other contents: sha256 …", "size 10, expected 12"
  bool tree = false;    // only the tree is damaged: it can be made anew from the objects
};

// What verify() found out about objects, by digest: those that several artifacts share are hashed once.
using KnownObjects = std::map<std::string, std::string>;

// What collect() removed, or would remove.
struct Garbage {
  std::uint64_t artifacts = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // that no other name keeps on the disk

  Garbage& operator+=(const Garbage& more) {
    artifacts += more.artifacts;
    objects += more.objects;
    bytes += more.bytes;
    return *this;
  }
};

enum class Export {
  copy,       // by reflink where the file system can; may be edited
  hard_link,  // the store's own files, read-only
};

struct FoundFile;  // scan.h
class Staging;     // staging.h
struct Place;      // reference.h

// Thread-safe; several processes may use one store at once.
class ArtifactStore {
 public:
  // Creates the store when there is none. Throws Error{incompatible} for a store of a newer version.
  ArtifactStore(base::FileSystem& file_system, fs::path root);
  ~ArtifactStore();
  ArtifactStore(const ArtifactStore&) = delete;
  ArtifactStore& operator=(const ArtifactStore&) = delete;

  // Takes over the file or folder at `produced`: hashes, syncs, moves into the store. Symbolic links and
  // special files are refused (Error{invalid_input}); empty folders are not kept. After it returns, the
  // artifact survives a power cut and `produced` is gone. When it throws, `produced` has all its files still
  // and publish() may be called again.
  Artifact publish(const fs::path& produced, const ByteProgress& progress = {});

  // Several at once, for the price in fsyncs of about one; in the order given.
  std::vector<Artifact> publish(const std::vector<fs::path>& produced, const ByteProgress& progress = {});

  // Records a file or folder elsewhere by its digests; its bytes stay where they are. In a folder, symbolic
  // links to regular files are followed (Hugging Face caches are made of them), others are refused; hidden
  // files and folders (".git", ".cache") are not part of it. `rehash` ignores the memo. An artifact may lie
  // at several places; the one referenced last is preferred.
  Artifact reference(const fs::path& path, DigestMemo& memo, bool rehash, const ByteProgress& progress = {});

  // The digest that reference() would give, without recording anything.
  std::string digest_of(const fs::path& path, DigestMemo& memo, bool rehash,
                        const ByteProgress& progress = {});

  bool contains(const std::string& digest) const;

  // Absolute path at which a stage may read the artifact: its tree (made anew when it is gone), its file, or
  // the place outside the store. Throws Error{corrupt} with the file's name when an object is missing or has
  // another size, or when a referenced file changed since (another size, mtime or inode).
  fs::path locate(const std::string& digest);

  Manifest manifest(const std::string& digest) const;  // throws Error{not_found, corrupt}

  // Checks an artifact: sizes only, or with every byte hashed again. Empty: sound.
  std::vector<Damage> verify(const std::string& digest, bool rehash, const ByteProgress& progress = {},
                             KnownObjects* known = nullptr) const;

  // For who is about to read it: every byte is hashed, but of what this process has hashed or published
  // before only what stat says has changed since. Files outside the store are looked at, not hashed.
  std::vector<Damage> verify_before_use(const std::string& digest, const ByteProgress& progress = {});
  // Whether verify_before_use() would read nothing.
  bool is_known_sound(const std::string& digest);

  std::vector<std::string> artifacts() const;  // the digests of all, sorted

  // Makes `destination` (must not exist) a copy of the artifact, checked against its digests: it appears
  // whole or not at all. Throws Error{corrupt} when a file in the store is damaged, {invalid_input} when hard
  // links are not possible: to another file system, or of an artifact that lies outside the store.
  void export_to(const std::string& digest, const fs::path& destination, const ByteProgress& progress = {},
                 Export how = Export::copy);

  // Forgets an artifact that verify() found damaged, so that its stage can publish it anew: its manifest,
  // tree and reference, and those of its objects that are not sound (which damages every other artifact that
  // has them).
  void discard(const std::string& digest);

  // Removes an artifact's tree; locate() makes it anew.
  void discard_tree(const std::string& digest);

  // Removes every artifact but those of `keep`, and the objects that none of them has. Whatever is cut off,
  // the rest is whole, and the next collect() removes what is left. The caller holds the store for itself
  // (StoreLock). Throws Error{corrupt} when the manifest of an artifact of `keep` is damaged.
  Garbage collect(const std::set<std::string>& keep, bool dry_run);

  // Removes what dead processes left in tmp/. Safe while others use the store.
  void sweep();

  const fs::path& root() const { return root_; }

 private:
  struct Pending;
  struct Unsynced {  // what has a name already that a power cut could still take away
    std::set<fs::path> folders;
    std::vector<fs::path> entries;  // of those folders
  };
  fs::path object_path(const std::string& sha256) const;
  fs::path manifest_path(const std::string& digest) const;
  fs::path tree_path(const std::string& digest) const;
  fs::path reference_path(const std::string& digest) const;

  bool object_intact(const FileEntry& entry) const;
  void create_layout();
  Pending examine(const fs::path& produced) const;
  bool store_object(const FoundFile& found, const FileEntry& entry, const ByteProgress& progress);
  void write_manifest(const Manifest& manifest, const std::string& digest, Unsynced& unsynced);
  void write_whole(const fs::path& path, const std::string& text);
  void make_room(const fs::path& path, Unsynced& unsynced);
  void settle(const Unsynced& unsynced);
  bool known_durable(const fs::path& path);
  void remember_sound(const FileEntry& entry);
  bool known_sound(const FileEntry& entry);

  Manifest measure(const fs::path& root, const std::vector<FoundFile>& found, bool directory,
                   DigestMemo& memo, bool rehash, const ByteProgress& progress);
  void record(const Manifest& manifest, const std::string& digest, const Place& place);
  std::vector<Place> places(const std::string& digest) const;
  std::string place_problem(const Place& place) const;

  void export_file(const fs::path& from, const fs::path& to, const FileEntry& entry, Export how);
  bool tree_sound(const Manifest& manifest, const fs::path& tree) const;
  void build_tree(const Manifest& manifest, const fs::path& tree);
  std::vector<Damage> verify_objects(const Manifest& manifest, bool rehash, const ByteProgress& progress,
                                     KnownObjects& known) const;
  std::vector<Damage> verify_tree(const Manifest& manifest, const std::string& digest, bool rehash,
                                  const ByteProgress& progress) const;
  void remove_artifacts(const std::vector<std::string>& digests);
  std::vector<Damage> verify_places(const std::string& digest, const Manifest& manifest, bool rehash,
                                    const ByteProgress& progress) const;

  base::FileSystem& file_system_;
  fs::path root_;
  std::unique_ptr<Staging> staging_;
  std::mutex mutex_;                               // over what follows
  std::set<fs::path> durable_;                     // what this process knows to survive a power cut
  std::map<std::string, base::FileStatus> sound_;  // objects that it has hashed, as stat showed them
};

}  // namespace presswork::store
