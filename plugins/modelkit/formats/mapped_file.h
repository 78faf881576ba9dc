// A regular file mapped read-only. The pages belong to the page cache: they count towards this process's
// resident memory only while touched, and release() gives them back.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace presswork::modelkit {

class MappedFile {
 public:
  // Throws Error "io" when the file is absent or not a regular file; the last path component must not be a
  // symbolic link (resolve links first, see checkpoint/folder_files.h).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Hints about `part` (a view into bytes()): it will be read soon; it is no longer needed.
  void prefetch(std::span<const std::byte> part) const;
  void release(std::span<const std::byte> part) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace presswork::modelkit
