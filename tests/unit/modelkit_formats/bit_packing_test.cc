#include "plugins/modelkit/formats/bit_packing.h"

#include "support.h"

namespace presswork::modelkit {
namespace {

using Words = std::vector<std::uint32_t>;

Words packed(const std::vector<std::int8_t>& q, int bits) {
  Words words(static_cast<std::size_t>(packed_words(static_cast<std::int64_t>(q.size()), bits)));
  pack_row(q.data(), static_cast<std::int64_t>(q.size()), bits, words.data());
  return words;
}

TEST(BitPacking, GoldenVectorsOfTheFormatNotes) {
  EXPECT_EQ(packed({-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7}, 4),
            (Words{0x76543210, 0xfedcba98}));
  EXPECT_EQ(packed({-128, -1, 0, 127}, 8), (Words{0xff807f00}));
}

TEST(BitPacking, TheTailIsPaddedWithZeroBits) { EXPECT_EQ(packed({-7, 7}, 4), (Words{0x000000f1})); }

TEST(BitPacking, EveryWidthPacksAndUnpacksAsTheCompressedTensorsLibraryDoes) {
  const SafetensorsFile file(testing::golden("packing.safetensors"));
  for (int bits = 2; bits <= 8; ++bits) {
    const std::string suffix = std::to_string(bits);
    const auto q = testing::values<std::int8_t>(*file.find("q" + suffix));  // [5, 43]
    const TensorView& rows = *file.find("rows" + suffix);
    const std::int64_t words = packed_words(43, bits);
    ASSERT_EQ(rows.shape, Shape({5, words}));
    Words actual(static_cast<std::size_t>(5 * words));
    std::vector<std::int8_t> back(q.size());
    for (std::int64_t row = 0; row < 5; ++row) {
      pack_row(q.data() + row * 43, 43, bits, actual.data() + row * words);
      unpack_row(rows.bytes.data() + row * words * 4, 43, bits, back.data() + row * 43);
    }
    EXPECT_EQ(actual, testing::values<std::uint32_t>(rows)) << bits;
    EXPECT_EQ(back, q) << bits;

    const TensorView& columns = *file.find("columns" + suffix);  // packed along the 5 rows
    Words down(static_cast<std::size_t>(packed_words(5, bits) * 43));
    std::vector<std::int8_t> up(q.size());
    for (std::int64_t column = 0; column < 43; ++column) {
      pack_row(q.data() + column, 5, bits, down.data() + column, 43, 43);
      unpack_row(columns.bytes.data() + column * 4, 5, bits, up.data() + column, 43, 43);
    }
    EXPECT_EQ(down, testing::values<std::uint32_t>(columns)) << bits;
    EXPECT_EQ(up, q) << bits;
  }
}

}  // namespace
}  // namespace presswork::modelkit
