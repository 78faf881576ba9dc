#include "plugins/modelkit/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace presswork::modelkit::utf8 {
namespace {

TEST(Utf8, FindsTheFirstByteThatIsWrong) {
  EXPECT_EQ(find_invalid("plain text, é, 模型, 😀"), std::string::npos);
  EXPECT_EQ(find_invalid(""), std::string::npos);
  EXPECT_EQ(find_invalid("12345678\x80"), 8U);
  EXPECT_EQ(find_invalid("a\xC0\xAF"), 1U);          // overlong
  EXPECT_EQ(find_invalid("a\xED\xA0\x80"), 1U);      // surrogate
  EXPECT_EQ(find_invalid("a\xF4\x90\x80\x80"), 1U);  // above U+10FFFF
  EXPECT_EQ(find_invalid("a\xE4\xBA"), 1U);          // cut off
}

TEST(Utf8, EveryCodePointSurvivesARoundTrip) {
  for (char32_t point = 0; point < 0x110000; point += point < 0x3000 ? 1 : 97) {
    if (point >= 0xD800 && point < 0xE000) continue;
    std::string text;
    append(text, point);
    ASSERT_EQ(find_invalid(text), std::string::npos);
    ASSERT_EQ(decode(text, 0), point);
    ASSERT_EQ(length(text[0]), text.size());
  }
}

// Examples of the Unicode Standard, section 3.9, table 3-8 and after.
TEST(Utf8, IllFormedPartsBecomeOneReplacementEach) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                  "A"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                  "A"),
            r + r + r + r + "A");
}

}  // namespace
}  // namespace presswork::modelkit::utf8
