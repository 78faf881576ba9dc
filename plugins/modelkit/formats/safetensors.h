// The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape,
// data_offsets}}, then raw little-endian data without gaps. https://huggingface.co/docs/safetensors
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/formats/dtype.h"
#include "plugins/modelkit/formats/mapped_file.h"

namespace presswork::modelkit {

// Dimensions of a tensor, outermost first; empty for a scalar.
using Shape = std::vector<std::int64_t>;

std::string to_text(const Shape& shape);  // "[128, 352]"

// Product of the dimensions; throws "corrupt_file" naming `where` when one is negative or the product
// overflows.
std::int64_t element_count(const Shape& shape, const std::string& where);

// A tensor inside a mapped file: borrowed, valid as long as the file that it came from. Data may be
// unaligned.
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  std::span<const std::byte> bytes;

  std::int64_t elements() const { return static_cast<std::int64_t>(bytes.size() / size_of(dtype)); }
};

struct SafetensorsContent {
  std::vector<TensorView> tensors;  // in order of their place
  std::map<std::string, std::string> metadata;
};

// The content of a file whose bytes are `file`; views borrow from it. Errors as those of SafetensorsFile.
SafetensorsContent parse_safetensors(std::span<const std::byte> file, const std::string& where);

class SafetensorsFile {
 public:
  // Checks the whole structure before it returns: header within the file and at most 100 MB (the limit of the
  // reference implementation), known dtypes, no duplicate names, byte ranges that agree with shape and dtype
  // and cover the data exactly, without gap or overlap. Throws "corrupt_file" that names the file and the
  // tensor.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorView>& tensors() const { return content_.tensors; }  // in order of their place
  const TensorView* find(std::string_view name) const;                         // nullptr when absent
  const std::map<std::string, std::string>& metadata() const { return content_.metadata; }
  const MappedFile& file() const { return file_; }

 private:
  MappedFile file_;
  SafetensorsContent content_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

}  // namespace presswork::modelkit
