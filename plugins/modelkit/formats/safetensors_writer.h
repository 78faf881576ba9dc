// Writes one safetensors file whose tensors are known by name, type and shape before their data is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

struct TensorPlan {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;

  std::uint64_t byte_count() const;
};

// The file appears under its name only in publish(): data goes to "<name>.partial", which is synced and
// renamed. Tensors may be written in any order. Inside the file wider types come first, so that every tensor
// is aligned to its element (PyTorch's loader needs this); within a type the order of the plan is kept.
class SafetensorsWriter {
 public:
  SafetensorsWriter(std::filesystem::path path, const std::vector<TensorPlan>& plan);
  ~SafetensorsWriter();  // removes the partial file when publish() was not reached
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // `data` is the whole tensor. Throws "internal" for a name that is not planned, is written twice, or whose
  // size differs from the plan; "no_space" or "io" when the file system refuses.
  void write(std::string_view name, std::span<const std::byte> data);

  bool complete() const { return missing_ == 0; }
  void publish();  // requires complete()

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Slot {
    std::uint64_t offset = 0, size = 0;
    bool written = false;
  };

  std::filesystem::path path_, partial_;
  int descriptor_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::size_t missing_ = 0;
  std::unordered_map<std::string, Slot> slots_;
};

// Writes `text` to `path` the same way: partial file, sync, rename.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace presswork::modelkit
