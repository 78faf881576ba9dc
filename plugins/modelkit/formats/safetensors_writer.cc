#include "plugins/modelkit/formats/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* action, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  throw Error(full ? "no_space" : "io", std::string(action) + ": " + std::strerror(error), path.string(),
              full ? "free some space on this file system or choose another folder"
                   : "check the folder's permissions");
}

int create(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0) fail(path, "cannot be created", errno);
  return descriptor;
}

void write_at(int descriptor, const std::filesystem::path& path, const void* data, std::size_t size,
              std::uint64_t offset) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::pwrite(descriptor, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "cannot be written", errno);
    bytes += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
}

void sync_and_rename(int descriptor, const std::filesystem::path& from, const std::filesystem::path& to) {
  const bool synced = ::fsync(descriptor) == 0;
  const int error = errno;
  const bool closed = ::close(descriptor) == 0;
  if (!synced) fail(from, "cannot be synced", error);
  if (!closed) fail(from, "cannot be closed", errno);
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "cannot be published", errno);
  const int folder = ::open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail(to.parent_path(), "cannot be opened", errno);
  ::fsync(folder);  // some file systems refuse this on folders; the rename itself is done
  ::close(folder);
}

std::filesystem::path partial_name(const std::filesystem::path& path) {
  auto partial = path;
  partial += ".partial";
  return partial;
}

// Widest elements first, so that each tensor's offset is a multiple of its element size.
std::vector<const TensorPlan*> file_order(const std::vector<TensorPlan>& plan) {
  std::vector<const TensorPlan*> order;
  for (const TensorPlan& tensor : plan) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const TensorPlan* a, const TensorPlan* b) {
    return size_of(a->dtype) > size_of(b->dtype);
  });
  return order;
}

}  // namespace

std::uint64_t TensorPlan::byte_count() const {
  return static_cast<std::uint64_t>(element_count(shape, name)) * size_of(dtype);
}

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path, const std::vector<TensorPlan>& plan)
    : path_(std::move(path)), partial_(partial_name(path_)), missing_(plan.size()) {
  nlohmann::ordered_json header;
  header["__metadata__"]["format"] = "pt";  // transformers refuses a file without it
  std::uint64_t offset = 0;
  for (const TensorPlan* tensor : file_order(plan)) {
    const std::uint64_t size = tensor->byte_count();
    if (!slots_.emplace(tensor->name, Slot{offset, size}).second) {
      throw Error("internal", "the tensor is planned twice", tensor->name);
    }
    header[tensor->name] = {{"dtype", name_of(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts aligned
  const std::uint64_t length = text.size();
  for (auto& [name, slot] : slots_) slot.offset += sizeof(length) + length;
  file_bytes_ = sizeof(length) + length + offset;

  descriptor_ = create(partial_);
  // Claims the space now, so that a full disk is found before the work is done; not all file systems can.
  if (::fallocate(descriptor_, 0, 0, static_cast<off_t>(file_bytes_)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT)) {
    const int error = errno;
    ::close(descriptor_);
    ::unlink(partial_.c_str());
    fail(path_, ("needs " + std::to_string(file_bytes_) + " bytes").c_str(), error);
  }
  write_at(descriptor_, partial_, &length, sizeof(length), 0);
  write_at(descriptor_, partial_, text.data(), text.size(), sizeof(length));
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_.c_str());
}

void SafetensorsWriter::write(std::string_view name, std::span<const std::byte> data) {
  const auto found = slots_.find(std::string(name));
  if (found == slots_.end())
    throw Error("internal", "the tensor is not planned for " + path_.string(), std::string(name));
  Slot& slot = found->second;
  if (slot.written) throw Error("internal", "the tensor is written twice", std::string(name));
  if (slot.size != data.size()) {
    throw Error("internal",
                "the tensor has " + std::to_string(data.size()) + " bytes where " +
                    std::to_string(slot.size) + " are planned",
                std::string(name));
  }
  write_at(descriptor_, partial_, data.data(), data.size(), slot.offset);
  // The disk begins while the next tensor is made, so that publish() waits for less; a hint.
  ::sync_file_range(descriptor_, static_cast<off_t>(slot.offset), static_cast<off_t>(slot.size),
                    SYNC_FILE_RANGE_WRITE);
  slot.written = true;
  --missing_;
}

void SafetensorsWriter::publish() {
  if (!complete())
    throw Error("internal", std::to_string(missing_) + " tensors were never written", path_.string());
  const int descriptor = std::exchange(descriptor_, -1);
  sync_and_rename(descriptor, partial_, path_);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  const auto partial = partial_name(path);
  const int descriptor = create(partial);
  try {
    write_at(descriptor, partial, text.data(), text.size(), 0);
  } catch (...) {
    ::close(descriptor);
    ::unlink(partial.c_str());
    throw;
  }
  sync_and_rename(descriptor, partial, path);
}

}  // namespace presswork::modelkit
