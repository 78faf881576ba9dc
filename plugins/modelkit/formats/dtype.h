// Element types of tensors on disk, by the names that safetensors gives them, and their conversion to
// float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace presswork::modelkit {

// F8_E4M3 is the "fn" flavour: no infinities, one NaN pattern (0x7f, 0xff), largest value 448.
enum class DType : std::uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8_E4M3,
  F8_E5M2,
  I64,
  I32,
  I16,
  I8,
  U64,
  U32,
  U16,
  U8,
  BOOL
};

std::size_t size_of(DType dtype);       // bytes of one element
std::string_view name_of(DType dtype);  // "BF16"
// As PyTorch and config.json call the floating types of plain weights ("bfloat16"); "float32" for all others.
std::string_view torch_name_of(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
bool is_floating(DType dtype);

// Reads `count` elements at `source` (little-endian, any alignment) as float32. Exact for F16, BF16, F8 and
// integers up to 24 bits; F64 and larger integers round to nearest even.
void to_float(DType dtype, const void* source, std::size_t count, float* target);

// Writes `count` floats as `dtype` (floating types only; others throw "unsupported"), rounding to nearest
// even. Values beyond the range become infinity, or NaN for F8_E4M3, which has none; NaN stays NaN.
void from_float(DType dtype, const float* source, std::size_t count, void* target);

// Index of the first NaN or infinity among `count` elements, or `count`. Integer types have none.
std::size_t find_not_finite(DType dtype, const void* source, std::size_t count);

// Rounds one float through a narrower type and back; the value that a reader of the file will see.
float rounded_through(DType dtype, float value);

}  // namespace presswork::modelkit
