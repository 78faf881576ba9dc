#include "orchestrator/report/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace presswork::report {
namespace {

TEST(Text, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("perplexity"), 10u);
  EXPECT_EQ(display_width("número"), 6u);
  EXPECT_EQ(display_width("模型壓縮"), 8u);
  EXPECT_EQ(display_width("e\xCC\x81"), 1u) << "a combining accent takes no column";
  EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3u) << "colour takes no column";
}

TEST(Text, PadsByColumns) {
  EXPECT_EQ(pad_right("模型", 6), "模型  ");
  EXPECT_EQ(pad_left("12", 4), "  12");
  EXPECT_EQ(pad_left("12345", 4), "12345");
}

TEST(Text, CutsToColumnsAndEndsWithAnEllipsis) {
  EXPECT_EQ(truncate("perplexity", 10), "perplexity");
  EXPECT_EQ(truncate("perplexity", 5), "perp…");
  EXPECT_EQ(truncate("模型壓縮", 5), "模型…");
  EXPECT_EQ(truncate("模型壓縮", 4), "模…") << "half a wide character is not shown";
  EXPECT_EQ(truncate("anything", 0), "");
}

TEST(Text, CuttingKeepsTheEndOfAColour) {
  EXPECT_EQ(truncate("\x1b[31mfailed\x1b[0m", 4), "\x1b[31mfai…\x1b[0m");
}

TEST(Text, LetsNothingFromOutsideSteerTheTerminal) {
  EXPECT_EQ(printable("\x1b[2Jgone\x1b]0;title\x07!"), "gone!");
  EXPECT_EQ(printable("bell\x07 back\x08"), "bell  back ");
  EXPECT_EQ(printable("two\r\nlines\n\ttabbed"), "two\nlines\n\ttabbed");
  EXPECT_EQ(printable("over\rwritten"), "over\nwritten");
  EXPECT_EQ(printable("left\xE2\x80\xAEthgir"), "leftthgir") << "no change of direction";
  EXPECT_EQ(printable("bad \xFF byte"), "bad \xEF\xBF\xBD byte");
  EXPECT_EQ(printable("cut \xE6\xA8"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(printable("overlong \xC0\xAF"), "overlong \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Text, PutsAMessageOnOneLine) { EXPECT_EQ(one_line("first\nsecond\tthird\n"), "first second third"); }

TEST(Text, WritesNumbersWithFourSignificantDigits) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(28.8123), "28.81");
  EXPECT_EQ(format_number(3.14159), "3.142");
  EXPECT_EQ(format_number(1234567.8), "1,234,568");
  EXPECT_EQ(format_number(-1234.5), "-1,234");
  EXPECT_EQ(format_number(0.012345), "0.01235");
  EXPECT_EQ(format_number(2), "2");
  EXPECT_EQ(format_number(100), "100");
  EXPECT_EQ(format_number(0.5), "0.5");
  EXPECT_EQ(format_number(1.5e-7), "1.500e-07");
  EXPECT_EQ(format_number(NAN), "–");
  EXPECT_EQ(format_number(INFINITY), "–");
}

TEST(Text, GroupsThousands) {
  EXPECT_EQ(format_integer(1), "1");
  EXPECT_EQ(format_integer(999), "999");
  EXPECT_EQ(format_integer(1000), "1,000");
  EXPECT_EQ(format_integer(-1234567), "-1,234,567");
}

TEST(Text, SignsPercentages) {
  EXPECT_EQ(format_signed_percent(10.73), "+10.7 %");
  EXPECT_EQ(format_signed_percent(-0.5), "-0.50 %");
}

}  // namespace
}  // namespace presswork::report
