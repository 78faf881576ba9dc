#include "plugins/modelkit/formats/dtype.h"

#include <cmath>

#include "support.h"

namespace presswork::modelkit {
namespace {

using testing::golden;
using testing::values;

// ml_dtypes and we agree on the bits, except that a NaN may carry any payload.
template <class Narrow>
void expect_narrowed(const SafetensorsFile& file, const char* name, DType dtype) {
  const auto source = values<float>(*file.find("f32"));
  const auto expected = values<Narrow>(*file.find(name));
  std::vector<Narrow> actual(source.size());
  from_float(dtype, source.data(), source.size(), actual.data());
  std::vector<float> back(source.size());
  to_float(dtype, actual.data(), actual.size(), back.data());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (std::isnan(source[i])) {
      EXPECT_TRUE(std::isnan(back[i])) << source[i];
    } else if (dtype == DType::F8_E4M3 && (expected[i] & 0x7f) == 0x7f) {
      EXPECT_EQ(actual[i] & 0x7f, 0x7f) << source[i];
    } else {
      EXPECT_EQ(actual[i], expected[i]) << name << " of " << source[i];
    }
  }
}

void expect_widened(DType dtype, const void* patterns, const std::vector<float>& expected) {
  std::vector<float> actual(expected.size());
  to_float(dtype, patterns, actual.size(), actual.data());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(actual[i])) << i;
    } else {
      EXPECT_EQ(actual[i], expected[i]) << i;
      EXPECT_EQ(std::signbit(actual[i]), std::signbit(expected[i])) << i;
    }
  }
}

TEST(DType, FloatsNarrowAsMlDtypesDoes) {
  const SafetensorsFile file(golden("dtypes.safetensors"));
  expect_narrowed<std::uint16_t>(file, "f16", DType::F16);
  expect_narrowed<std::uint16_t>(file, "bf16", DType::BF16);
  expect_narrowed<std::uint8_t>(file, "f8_e4m3", DType::F8_E4M3);
}

TEST(DType, NarrowFloatsWidenExactly) {
  const SafetensorsFile file(golden("dtypes.safetensors"));
  expect_widened(DType::F16, file.find("f16_patterns")->bytes.data(),
                 values<float>(*file.find("f16_values")));
  std::vector<std::uint8_t> all(256);
  for (int i = 0; i < 256; ++i) all[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i);
  expect_widened(DType::F8_E4M3, all.data(), values<float>(*file.find("f8_e4m3_values")));
  expect_widened(DType::F8_E5M2, all.data(), values<float>(*file.find("f8_e5m2_values")));
}

TEST(DType, EveryBfloat16SurvivesTheWayThroughFloat) {
  std::vector<std::uint16_t> all(65536), back(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> wide(all.size());
  to_float(DType::BF16, all.data(), all.size(), wide.data());
  from_float(DType::BF16, wide.data(), wide.size(), back.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::isnan(wide[i])) continue;
    EXPECT_EQ(back[i], all[i]);
  }
}

TEST(DType, IntegersReadAtAnyAlignment) {
  const unsigned char bytes[] = {0xff, 0xfe, 0xff, 0x02, 0x01};
  float value = 0;
  to_float(DType::I16, bytes + 1, 1, &value);
  EXPECT_EQ(value, -2.0f);
  to_float(DType::U8, bytes, 1, &value);
  EXPECT_EQ(value, 255.0f);
  to_float(DType::I16, bytes + 3, 1, &value);
  EXPECT_EQ(value, 258.0f);
}

TEST(DType, NamesAreThoseOfSafetensors) {
  for (const char* name : {"F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "I32", "I16", "I8", "U8", "BOOL"}) {
    ASSERT_TRUE(dtype_from_name(name)) << name;
    EXPECT_EQ(name_of(*dtype_from_name(name)), name);
  }
  EXPECT_FALSE(dtype_from_name("F4"));
  EXPECT_FALSE(dtype_from_name("f32"));
}

TEST(DType, TheFirstNanOrInfinityIsFound) {
  std::vector<float> numbers(10000, 1.0f);
  EXPECT_EQ(find_not_finite(DType::F32, numbers.data(), numbers.size()), numbers.size());
  numbers[9001] = std::nanf("");
  numbers[9007] = INFINITY;
  EXPECT_EQ(find_not_finite(DType::F32, numbers.data(), numbers.size()), 9001u);
  for (const DType dtype : {DType::F64, DType::F16, DType::BF16}) {
    std::vector<std::byte> stored(numbers.size() * size_of(dtype));
    from_float(dtype, numbers.data(), numbers.size(), stored.data());
    EXPECT_EQ(find_not_finite(dtype, stored.data(), numbers.size()), 9001u) << name_of(dtype);
  }
  EXPECT_EQ(find_not_finite(DType::I32, numbers.data(), numbers.size()), numbers.size());
}

TEST(DType, FloatsCannotBeStoredAsIntegers) {
  const float value = 1;
  std::int32_t target = 0;
  const auto error = testing::error_of([&] { from_float(DType::I32, &value, 1, &target); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "unsupported");
}

}  // namespace
}  // namespace presswork::modelkit
