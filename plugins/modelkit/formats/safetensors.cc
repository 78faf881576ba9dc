#include "plugins/modelkit/formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/formats/safetensors_header.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::uint64_t kLengthBytes = 8;

[[noreturn]] void corrupt(const std::string& where, const std::string& what) {
  throw Error("corrupt_file", what, where,
              "the file is damaged or was cut short; download or convert it again");
}

std::string_view header_text(std::span<const std::byte> file, const std::string& where) {
  if (file.size() < kLengthBytes)
    corrupt(where, "is too short for safetensors: " + std::to_string(file.size()) + " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes)
    corrupt(where, "claims a header of " + std::to_string(length) + " bytes; the limit is 100 MB");
  if (length > file.size() - kLengthBytes) {
    corrupt(where, "claims a header of " + std::to_string(length) + " bytes, but has " +
                       std::to_string(file.size()) + " in all");
  }
  const char* begin = reinterpret_cast<const char*>(file.data()) + kLengthBytes;
  if (length == 0 || *begin != '{') corrupt(where, "has no JSON header; it is not a safetensors file");
  return {begin, static_cast<std::size_t>(length)};
}

std::uint64_t expected_bytes(const HeaderEntry& entry, const std::string& where) {
  const auto count = static_cast<std::uint64_t>(element_count(entry.shape, where));
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, std::uint64_t{size_of(entry.dtype)}, &bytes)) {
    corrupt(where, "tensor " + entry.name + " has the impossible shape " + to_text(entry.shape));
  }
  return bytes;
}

}  // namespace

std::string to_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::int64_t element_count(const Shape& shape, const std::string& where) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) {
      throw Error("corrupt_file", "impossible tensor shape " + to_text(shape), where,
                  "the file is damaged; download or convert it again");
    }
  }
  return count;
}

SafetensorsContent parse_safetensors(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text = header_text(bytes, where);
  auto header = parse_safetensors_header(text, where);
  SafetensorsContent content;
  content.metadata = std::move(header.metadata);

  const auto data = bytes.subspan(kLengthBytes + text.size());
  auto& entries = header.entries;
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });

  content.tensors.reserve(entries.size());
  std::uint64_t reached = 0;
  for (HeaderEntry& entry : entries) {
    if (entry.begin != reached || entry.end < entry.begin) {
      corrupt(where, "tensor " + entry.name + " lies at " + std::to_string(entry.begin) + ".." +
                         std::to_string(entry.end) +
                         ", which overlaps another or leaves a gap (expected start " +
                         std::to_string(reached) + ")");
    }
    if (entry.end > data.size()) {
      corrupt(where, "tensor " + entry.name + " ends at byte " + std::to_string(entry.end) +
                         " of the data, which has " + std::to_string(data.size()));
    }
    if (entry.end - entry.begin != expected_bytes(entry, where)) {
      corrupt(where, "tensor " + entry.name + " has " + std::to_string(entry.end - entry.begin) +
                         " bytes, but shape " + to_text(entry.shape) + " of " +
                         std::string(name_of(entry.dtype)) + " needs " +
                         std::to_string(expected_bytes(entry, where)));
    }
    reached = entry.end;
    content.tensors.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                               data.subspan(entry.begin, entry.end - entry.begin)});
  }
  if (reached != data.size()) {
    corrupt(where, "has " + std::to_string(data.size() - reached) + " bytes after the last tensor");
  }
  return content;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), content_(parse_safetensors(file_.bytes(), path.string())) {
  for (std::size_t i = 0; i < content_.tensors.size(); ++i) by_name_.emplace(content_.tensors[i].name, i);
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &content_.tensors[found->second];
}

}  // namespace presswork::modelkit
