// The content-addressed store of artifacts: immutable files by SHA-256, and the trees made of them.
//
//   <root>/objects/ab/cdef…        file contents, read-only, never written in place
//   <root>/manifests/ab/cdef….json what an artifact consists of; its digest is the artifact's name
//   <root>/trees/ab/cdef…/         the artifact as a stage sees it: hard links to objects
//   <root>/references/ab/cdef….json where an artifact outside the store lies, and what stat said of its files
//   <root>/tmp/                    what is being put together; may be emptied when nothing runs
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/json.h"

namespace presswork::store {

namespace fs = std::filesystem;

struct FileEntry {
  std::string path;  // relative, '/' between the parts; never absolute, never with ".."
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

// Digests of files outside the store, remembered by what stat said of them. The ledger keeps them.
class DigestMemo {
 public:
  virtual ~DigestMemo() = default;
  virtual std::optional<std::string> find(const fs::path& path, const base::FileStatus& status) = 0;
  virtual void remember(const fs::path& path, const base::FileStatus& status, const std::string& sha256) = 0;
};

// Hears how many bytes were hashed or copied since the last call; may throw to stop.
using ByteProgress = std::function<void(std::uint64_t bytes)>;

struct Damage {
  std::string digest;   // of the object or artifact
  std::string problem;  // "missing", "has other contents: sha256 …", "size 10, expected 12"
};

// Thread-safe; several processes may use one store at once.
class ArtifactStore {
 public:
  ArtifactStore(base::FileSystem& file_system, fs::path root);

  // Takes over the file or folder at `produced`: hashes, syncs, moves into the store. Symbolic links and special
  // files are refused (Error{invalid_input}). After it returns, the artifact survives a power cut.
  Artifact publish(const fs::path& produced, const ByteProgress& progress = {});

  // Records a file or folder elsewhere by its digests; its bytes stay where they are. In a folder, symbolic links
  // to regular files are followed (Hugging Face caches are made of them), others are refused; hidden files and
  // folders (".git", ".cache") are not part of it. `rehash` ignores the memo.
  Artifact reference(const fs::path& path, DigestMemo& memo, bool rehash, const ByteProgress& progress = {});

  // The digest that reference() would give, without recording anything.
  std::string digest_of(const fs::path& path, DigestMemo& memo, bool rehash, const ByteProgress& progress = {});

  bool contains(const std::string& digest) const;

  // Absolute path at which a stage may read the artifact: its tree (made anew when it is gone), its file, or the
  // place outside the store. Throws Error{corrupt} with the file's name when an object is missing or has another
  // size, or when a referenced file changed since (another size, mtime or inode).
  fs::path locate(const std::string& digest);

  Manifest manifest(const std::string& digest) const;  // throws Error{not_found, corrupt}

  // Checks an artifact: sizes only, or with every byte hashed again. Empty: sound.
  std::vector<Damage> verify(const std::string& digest, bool rehash, const ByteProgress& progress = {}) const;

  // Makes `destination` (must not exist) a copy of the artifact; hard links are not used, so that it can be edited.
  void export_to(const std::string& digest, const fs::path& destination, const ByteProgress& progress = {});

  const fs::path& root() const { return root_; }

 private:
  base::FileSystem& file_system_;
  fs::path root_;
};

}  // namespace presswork::store
