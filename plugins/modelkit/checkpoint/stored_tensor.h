// Tensors of a quantized module: read with the checks that all formats share, or about to be written.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint.h"

namespace presswork::modelkit {

// The tensor, which must have this type and shape; throws "corrupt_file" naming both.
const TensorView& need(const Checkpoint& checkpoint, const std::string& name, DType dtype,
                       const Shape& shape);

// Finite floating-point values of any type, with this shape. Throws "corrupt_file", "not_finite".
std::vector<float> need_floats(const Checkpoint& checkpoint, const std::string& name, const Shape& shape);

// A scale for each of `out` rows, stored as [out, 1] or [out]; a single one for the whole tensor is spread
// over the rows.
std::vector<float> need_row_scales(const Checkpoint& checkpoint, const std::string& name, std::int64_t out);

// A copy of integers as they are stored.
template <class Integer>
std::vector<Integer> integers_of(const TensorView& tensor) {
  std::vector<Integer> values(tensor.bytes.size() / sizeof(Integer));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(Integer));
  return values;
}

// `index` [in] as stored: the group of each input. Empty when it only says i / group_size, or is all -1
// ("unset"). Throws "corrupt_file" for a group outside [0, groups).
std::vector<std::int32_t> group_index(const TensorView& index, std::int64_t group_size, std::int64_t groups,
                                      const std::string& where);

// A tensor to be written.
struct NamedBytes {
  std::string name;
  std::vector<std::byte> bytes;
};

template <class Value>
std::vector<std::byte> to_bytes(const std::vector<Value>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(Value));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> to_bytes(DType dtype, const std::vector<float>& values);

// [rows, columns] becomes [columns, rows].
template <class Value>
std::vector<Value> transposed(const std::vector<Value>& values, std::size_t rows) {
  std::vector<Value> result(values.size());
  const std::size_t columns = rows == 0 ? 0 : values.size() / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  }
  return result;
}

}  // namespace presswork::modelkit
