#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/modelkit_tokenizer/samples.h"

namespace presswork::modelkit {
namespace {

using testing::ElementsAre;

json with_added(const std::vector<json>& added) {
  json file = sample({"a", "b", " ", "<", ">"});
  file["added_tokens"] = added;
  return file;
}

TEST(AddedTokens, GetTheirVocabularyIdOrTheNextOne) {
  const Tokenizer tokenizer =
      make(with_added({{{"id", 1}, {"content", "b"}}, {{"id", 5}, {"content", "<x>"}}}));
  EXPECT_EQ(tokenizer.id("b"), 1);
  EXPECT_EQ(tokenizer.id("<x>"), 5);
  EXPECT_EQ(tokenizer.vocab_size(), 6);
  EXPECT_EQ(tokenizer.token(5), "<x>");
  EXPECT_EQ(tokenizer.token(6), std::nullopt);
}

TEST(AddedTokens, TheLongestAtAPlaceWins) {
  const Tokenizer tokenizer =
      make(with_added({{{"content", "<a"}}, {{"content", "<a>"}}, {{"content", "a>b"}}}));
  EXPECT_THAT(tokens_of(tokenizer, "<a>b<a"), ElementsAre("<a>", "b", "<a"));
}

TEST(AddedTokens, TakeWhiteSpaceAlongWhereTheySaySo) {
  const Tokenizer tokenizer =
      make(with_added({{{"content", "<L>"}, {"lstrip", true}}, {{"content", "<R>"}, {"rstrip", true}}}));
  EXPECT_THAT(tokens_of(tokenizer, "a <L> b <R> a"), ElementsAre("a", "<L>", " ", "b", " ", "<R>", "a"));
  EXPECT_THAT(tokens_of(tokenizer, "<R>  <L>"), ElementsAre("<R>", "<L>"));
}

TEST(AddedTokens, ASingleWordTouchesNoWordCharacter) {
  const Tokenizer tokenizer = make(with_added({{{"content", "ab"}, {"single_word", true}}}));
  EXPECT_THAT(tokens_of(tokenizer, "ab aab <ab>"),
              ElementsAre("ab", " ", "a", "a", "b", " ", "<", "ab", ">"));
}

TEST(AddedTokens, NormalizedOnesAreFoundInTheNormalizedText) {
  json file =
      with_added({{{"content", "AB"}, {"normalized", true}}, {{"content", "BA"}, {"normalized", false}}});
  file["normalizer"] = {{"type", "Lowercase"}};
  const Tokenizer tokenizer = make(file);
  EXPECT_THAT(tokenizer.encode("abAB", false), ElementsAre(5, 5));
  EXPECT_THAT(tokenizer.encode("BAba", false), ElementsAre(6, 1, 0));
}

TEST(AddedTokens, DecodingCanLeaveSpecialOnesOut) {
  json file = with_added({{{"content", "<s>"}, {"special", true}}, {{"content", "<n>"}, {"special", false}}});
  file["decoder"] = {{"type", "Fuse"}};
  const Tokenizer tokenizer = make(file);
  const Ids ids = tokenizer.encode("<s>a<n>", false);
  EXPECT_EQ(tokenizer.decode(ids, false), "<s>a<n>");
  EXPECT_EQ(tokenizer.decode(ids, true), "a<n>");
}

}  // namespace
}  // namespace presswork::modelkit
