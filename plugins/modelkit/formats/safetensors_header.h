// The JSON header of a safetensors file, parsed without building a document: a hostile header costs no more
// memory than the tensors that it names.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

struct HeaderEntry {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // relative to the start of the data
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

// Syntax, types and duplicate names only; whether the ranges fit the data is the reader's business. Throws
// "corrupt_file"; `where` names the file.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& where);

}  // namespace presswork::modelkit
