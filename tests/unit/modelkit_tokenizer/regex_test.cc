// Oniguruma's expressions on PCRE2: where both spell the same and mean something else.
#include "plugins/modelkit/tokenizer/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
  std::vector<std::string> found;
  Regex(pattern, "/pattern").each_match(text, [&](Range r) {
    found.push_back(text.substr(r.begin, r.end - r.begin));
  });
  return found;
}

TEST(Regex, SetsAreUnicodeAsOnigurumaHasThem) {
  EXPECT_THAT(matches("\\s+", "a\u3000\u00a0b\u180ec\u200bd"), ElementsAre("\u3000\u00a0"));
  EXPECT_THAT(matches("\\w+", "aé人٣_\u203f-½ⅷ"), ElementsAre("aé人٣_\u203f", "½ⅷ"));
  EXPECT_THAT(matches("\\h+", "xDEADg"), ElementsAre("DEAD"));
  EXPECT_THAT(matches("\\p{Han}+", "a人々。b"), ElementsAre("人々"));
}

TEST(Regex, ARepeatedIntervalIsNotPossessive) {
  EXPECT_THAT(matches("\\d{1,2}+\\d", "12345"), ElementsAre("12345"));
  EXPECT_THAT(matches("(?:a|(b)){2}+", "abba-"), ElementsAre("abba"));
  EXPECT_THAT(matches("x{,2}y", "xxxy"), ElementsAre("xxy"));
}

TEST(Regex, LineAnchorsSeeLinesAndTheDotStopsThere) {
  EXPECT_THAT(matches("^a$", "a\nb\na"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("a.b", "a\nb"), IsEmpty());
  EXPECT_THAT(matches("(?m:a.b)", "a\nb"), ElementsAre("a\nb"));
}

TEST(Regex, CaseIsIgnoredInUnicode) {
  EXPECT_THAT(matches("(?i:'s|'LL)", "'S 'ſ 'lL"), ElementsAre("'S", "'ſ", "'lL"));
}

TEST(Regex, AnEmptyMatchRightAfterAMatchIsPassedOver) {
  EXPECT_THAT(matches("\\d*", "1a"), ElementsAre("1", ""));
}

TEST(Regex, FarMatchesAreFoundWhateverLiesBetween) {
  const std::string far = std::string(10'000, 'x') + "é1" + std::string(9'999, 'x') + "2";
  EXPECT_THAT(matches("\\d", far), ElementsAre("1", "2"));
}

TEST(Regex, WhatHasNoCounterpartIsRefusedByName) {
  for (const char* pattern :
       {"[a&&b]", "[a[bc]]", "[\\W]", "(?~a)", "\\X", "\\p{Nonsense}", "(", "[a", "a\\", "\\p{"}) {
    EXPECT_THROW(Regex(pattern, "/pattern"), Error) << pattern;
  }
}

TEST(Regex, ACatastrophicExpressionEndsInAnError) {
  EXPECT_THROW(matches("(a|aa)+[bc]", std::string(60, 'a')), Error);
}

}  // namespace
}  // namespace presswork::modelkit
