#include "orchestrator/base/units.h"

#include <gtest/gtest.h>

namespace presswork::base {
namespace {

using std::chrono::milliseconds;

TEST(Bytes, AreReadWithBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("512"), 512u);
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536u);
  EXPECT_EQ(parse_bytes("8 GiB"), 8'589'934'592u);
  EXPECT_EQ(parse_bytes("1.5GB"), 1'500'000'000u);
  EXPECT_EQ(parse_bytes("2TiB"), 2'199'023'255'552u);
}

TEST(Bytes, AreRefusedWhenTheyAreNoAmount) {
  for (const char* text : {"", "GiB", "-1", "1gb", "8 apples", "nan", "inf", "1e30", "1 GiB ", "0x10"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Durations, AreReadWithTheirUnits) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1.5h"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
}

TEST(Durations, AreRefusedWithoutAUnit) {
  for (const char* text : {"", "30", "s", "-1s", "1 year", "nans", "1e20h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Bytes, AreWrittenForPeople) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.00 KiB");
  EXPECT_EQ(format_bytes(3'575'644), "3.41 MiB");
  EXPECT_EQ(format_bytes(std::uint64_t{5} << 50), "5120.00 TiB");
}

TEST(Durations, AreWrittenForPeople) {
  EXPECT_EQ(format_duration(milliseconds(0)), "0 ms");
  EXPECT_EQ(format_duration(milliseconds(850)), "850 ms");
  EXPECT_EQ(format_duration(milliseconds(12'340)), "12.3 s");
  EXPECT_EQ(format_duration(milliseconds(245'000)), "4 min 05 s");
  EXPECT_EQ(format_duration(milliseconds(7'800'000)), "2 h 10 min");
}

}  // namespace
}  // namespace presswork::base
