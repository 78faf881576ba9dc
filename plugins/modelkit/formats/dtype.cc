#include "plugins/modelkit/formats/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors on disk are little-endian");

struct Facts {
  DType dtype;
  std::string_view name;
  std::size_t size;
  bool floating;
};

constexpr Facts kFacts[] = {
    {DType::F64, "F64", 8, true},         {DType::F32, "F32", 4, true},
    {DType::F16, "F16", 2, true},         {DType::BF16, "BF16", 2, true},
    {DType::F8_E4M3, "F8_E4M3", 1, true}, {DType::F8_E5M2, "F8_E5M2", 1, true},
    {DType::I64, "I64", 8, false},        {DType::I32, "I32", 4, false},
    {DType::I16, "I16", 2, false},        {DType::I8, "I8", 1, false},
    {DType::U64, "U64", 8, false},        {DType::U32, "U32", 4, false},
    {DType::U16, "U16", 2, false},        {DType::U8, "U8", 1, false},
    {DType::BOOL, "BOOL", 1, false},
};

const Facts& facts(DType dtype) { return kFacts[static_cast<std::size_t>(dtype)]; }

float bits_to_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

float bf16_to_float(std::uint16_t value) { return bits_to_float(std::uint32_t{value} << 16); }

float f16_to_float(std::uint16_t value) {
  // Shifted into a float's fields the exponent is 112 too small; the product mends that, subnormals included.
  const float scaled = bits_to_float((value & 0x7fffu) << 13) * bits_to_float(0x77800000u);
  std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
  bits |= scaled >= 65536.0f ? 0x7f800000u : 0u;  // infinity and NaN
  return bits_to_float(bits | (value & 0x8000u) << 16);
}

float f8_e4m3_to_float(std::uint8_t value) {
  if ((value & 0x7f) == 0x7f) return bits_to_float(0x7fc00000u | (value & 0x80u) << 24);
  const float scaled = bits_to_float((value & 0x7fu) << 20) * bits_to_float(0x7b800000u);  // 2^120
  return bits_to_float(std::bit_cast<std::uint32_t>(scaled) | (value & 0x80u) << 24);
}

float f8_e5m2_to_float(std::uint8_t value) { return f16_to_float(static_cast<std::uint16_t>(value << 8)); }

std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>(nan ? (bits >> 16 | 0x40u) : rounded);
}

// Rounds |value| to a format of `mantissa` bits whose smallest normal number is 2^min_exponent, and returns
// its fields; the caller deals with overflow. Subnormals are rounded by an addition whose unit is the
// format's.
std::uint32_t narrow_fields(std::uint32_t magnitude, int mantissa, int min_exponent) {
  const int shift = 23 - mantissa;
  if (magnitude < static_cast<std::uint32_t>(127 + min_exponent) << 23) {
    const std::uint32_t unit = static_cast<std::uint32_t>(127 + min_exponent + shift) << 23;
    return std::bit_cast<std::uint32_t>(bits_to_float(magnitude) + bits_to_float(unit)) - unit;
  }
  const std::uint32_t rebias = static_cast<std::uint32_t>(126 + min_exponent) << 23;
  return (magnitude - rebias + ((1u << (shift - 1)) - 1u) + (magnitude >> shift & 1u)) >> shift;
}

std::uint16_t float_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t fields = 0;
  if (magnitude >= 0x47800000u) {  // 65536 and beyond
    fields = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  } else {
    fields = narrow_fields(magnitude, 10, -14);
  }
  return static_cast<std::uint16_t>(fields | (bits >> 16 & 0x8000u));
}

std::uint8_t float_to_f8_e4m3(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  // From 480 on there is no number; 464..480 rounds onto the NaN pattern by itself.
  const std::uint32_t fields = magnitude >= 0x43f00000u ? 0x7fu : narrow_fields(magnitude, 3, -6);
  return static_cast<std::uint8_t>(fields | (bits >> 24 & 0x80u));
}

template <class Stored, class Convert>
void read_each(const void* source, std::size_t count, float* target, Convert convert) {
  const auto* bytes = static_cast<const unsigned char*>(source);
  for (std::size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, bytes + i * sizeof(Stored), sizeof(Stored));
    target[i] = convert(value);
  }
}

template <class Stored, class Convert>
void write_each(const float* source, std::size_t count, void* target, Convert convert) {
  auto* bytes = static_cast<unsigned char*>(target);
  for (std::size_t i = 0; i < count; ++i) {
    const Stored value = convert(source[i]);
    std::memcpy(bytes + i * sizeof(Stored), &value, sizeof(Stored));
  }
}

template <class Integer>
void read_integers(const void* source, std::size_t count, float* target) {
  read_each<Integer>(source, count, target, [](Integer value) { return static_cast<float>(value); });
}

// Elements whose bits under `mask` are all set are infinities or NaN (for F8_E4M3 with its one pattern: NaN).
template <class Stored>
std::size_t find_masked(const void* source, std::size_t count, Stored mask) {
  constexpr std::size_t kBlock = 4096;
  const auto* bytes = static_cast<const unsigned char*>(source);
  const auto hit = [&](std::size_t i) {
    Stored value;
    std::memcpy(&value, bytes + i * sizeof(Stored), sizeof(Stored));
    return static_cast<Stored>(value & mask) == mask;
  };
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = begin + kBlock < count ? begin + kBlock : count;
    unsigned any = 0;  // without an early exit the compiler makes vectors of this loop
    for (std::size_t i = begin; i < end; ++i) any |= hit(i) ? 1u : 0u;
    if (any == 0) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (hit(i)) return i;
    }
  }
  return count;
}

}  // namespace

std::size_t size_of(DType dtype) { return facts(dtype).size; }
std::string_view name_of(DType dtype) { return facts(dtype).name; }

std::string_view torch_name_of(DType dtype) {
  return dtype == DType::BF16 ? "bfloat16" : dtype == DType::F16 ? "float16" : "float32";
}
bool is_floating(DType dtype) { return facts(dtype).floating; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const Facts& known : kFacts) {
    if (known.name == name) return known.dtype;
  }
  return std::nullopt;
}

void to_float(DType dtype, const void* source, std::size_t count, float* target) {
  switch (dtype) {
    case DType::F64:
      return read_each<double>(source, count, target, [](double v) { return static_cast<float>(v); });
    case DType::F32:
      if (count != 0) std::memcpy(target, source, count * sizeof(float));
      return;
    case DType::F16:
      return read_each<std::uint16_t>(source, count, target, f16_to_float);
    case DType::BF16:
      return read_each<std::uint16_t>(source, count, target, bf16_to_float);
    case DType::F8_E4M3:
      return read_each<std::uint8_t>(source, count, target, f8_e4m3_to_float);
    case DType::F8_E5M2:
      return read_each<std::uint8_t>(source, count, target, f8_e5m2_to_float);
    case DType::I64:
      return read_integers<std::int64_t>(source, count, target);
    case DType::I32:
      return read_integers<std::int32_t>(source, count, target);
    case DType::I16:
      return read_integers<std::int16_t>(source, count, target);
    case DType::I8:
      return read_integers<std::int8_t>(source, count, target);
    case DType::U64:
      return read_integers<std::uint64_t>(source, count, target);
    case DType::U32:
      return read_integers<std::uint32_t>(source, count, target);
    case DType::U16:
      return read_integers<std::uint16_t>(source, count, target);
    case DType::U8:
    case DType::BOOL:
      return read_integers<std::uint8_t>(source, count, target);
  }
}

void from_float(DType dtype, const float* source, std::size_t count, void* target) {
  switch (dtype) {
    case DType::F64:
      return write_each<double>(source, count, target, [](float v) { return static_cast<double>(v); });
    case DType::F32:
      if (count != 0) std::memcpy(target, source, count * sizeof(float));
      return;
    case DType::F16:
      return write_each<std::uint16_t>(source, count, target, float_to_f16);
    case DType::BF16:
      return write_each<std::uint16_t>(source, count, target, float_to_bf16);
    case DType::F8_E4M3:
      return write_each<std::uint8_t>(source, count, target, float_to_f8_e4m3);
    default:
      throw Error("unsupported", "floats cannot be stored as " + std::string(name_of(dtype)), {},
                  "store them as F32, F16, BF16 or F8_E4M3");
  }
}

std::size_t find_not_finite(DType dtype, const void* source, std::size_t count) {
  switch (dtype) {
    case DType::F64:
      return find_masked<std::uint64_t>(source, count, 0x7ff0000000000000u);
    case DType::F32:
      return find_masked<std::uint32_t>(source, count, 0x7f800000u);
    case DType::F16:
      return find_masked<std::uint16_t>(source, count, 0x7c00u);
    case DType::BF16:
      return find_masked<std::uint16_t>(source, count, 0x7f80u);
    case DType::F8_E4M3:
      return find_masked<std::uint8_t>(source, count, 0x7fu);
    case DType::F8_E5M2:
      return find_masked<std::uint8_t>(source, count, 0x7cu);
    default:
      return count;
  }
}

float rounded_through(DType dtype, float value) {
  std::array<unsigned char, 8> stored{};
  from_float(dtype, &value, 1, stored.data());
  to_float(dtype, stored.data(), 1, &value);
  return value;
}

}  // namespace presswork::modelkit
