// Normalizers, pre-tokenizers, post-processors, decoders: small cases by hand, after the documentation of
// Hugging Face tokenizers. The interop test compares many more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/modelkit_tokenizer/samples.h"

namespace presswork::modelkit {
namespace {

using testing::ElementsAre;

json split(const char* behavior, const json& pattern = {{"String", "-"}}) {
  return {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}};
}

std::vector<std::string> pieces(const json& pre_tokenizer, const std::string& text,
                                const std::vector<std::string>& words) {
  json file = word_sample(words);
  file["pre_tokenizer"] = pre_tokenizer;
  return tokens_of(make(file), text);
}

TEST(Split, PutsDelimitersWhereTheBehaviorSays) {
  const std::vector<std::string> words{"a", "-", "b", "a-", "-b", "--", "--b"};
  EXPECT_THAT(pieces(split("Removed"), "a--b", words), ElementsAre("a", "b"));
  EXPECT_THAT(pieces(split("Isolated"), "a--b", words), ElementsAre("a", "-", "-", "b"));
  EXPECT_THAT(pieces(split("MergedWithPrevious"), "a--b", words), ElementsAre("a-", "-", "b"));
  EXPECT_THAT(pieces(split("MergedWithNext"), "a--b", words), ElementsAre("a", "-", "-b"));
  EXPECT_THAT(pieces(split("Contiguous"), "a--b", words), ElementsAre("a", "--", "b"));
}

TEST(Split, InvertedKeepsTheMatches) {
  json inverted = split("Removed", {{"Regex", "[a-z]+"}});
  inverted["invert"] = true;
  EXPECT_THAT(pieces(inverted, "ab, cd", {"ab", "cd"}), ElementsAre("ab", "cd"));
}

TEST(Digits, StandAloneOrTogether) {
  EXPECT_THAT(pieces({{"type", "Digits"}, {"individual_digits", true}}, "a12", {"a", "1", "2"}),
              ElementsAre("a", "1", "2"));
  EXPECT_THAT(pieces({{"type", "Digits"}, {"individual_digits", false}}, "a12", {"a", "12"}),
              ElementsAre("a", "12"));
}

TEST(Metaspace, PrependsAlwaysFirstOrNever) {
  json file = word_sample({"▁a", "▁b", "a", "b"});
  file["added_tokens"] = {{{"content", "<s>"}, {"special", true}}};
  const auto with = [&](const char* scheme) {
    file["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}};
    return tokens_of(make(file), "a b<s>b");
  };
  EXPECT_THAT(with("always"), ElementsAre("▁a", "▁b", "<s>", "▁b"));
  EXPECT_THAT(with("first"), ElementsAre("▁a", "▁b", "<s>", "b"));
  EXPECT_THAT(with("never"), ElementsAre("a", "▁b", "<s>", "b"));
}

TEST(ByteLevel, SpellsEveryByteInPrintableCharacters) {
  json file = word_sample({"Ġa", "ĠÃ©", "Ċ"});
  file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
  file["decoder"] = {{"type", "ByteLevel"}};
  const Tokenizer tokenizer = make(file);
  EXPECT_THAT(tokenizer.encode("a é\n", false), ElementsAre(0, 1, 2));
  EXPECT_EQ(tokenizer.decode(Ids{0, 1, 2}, false), " a é\n");
}

TEST(ByteLevel, BytesThatAreNoTextDecodeToReplacementCharacters) {
  json file = word_sample({"Ã", "a"});
  file["decoder"] = {{"type", "ByteLevel"}};
  EXPECT_EQ(make(file).decode(Ids{0, 1}, false),
            "\xEF\xBF\xBD"
            "a");
}

TEST(Normalizer, FormsComposeAndDecompose) {
  const auto normal = [](const char* form, const std::string& text, const std::string& expected) {
    json file = word_sample({expected});
    file["normalizer"] = {{"type", form}};
    EXPECT_EQ(make(file).encode(text, false), Ids{0}) << form;
  };
  normal("NFC", "e\u0301", "\u00e9");
  normal("NFD", "\u00e9", "e\u0301");
  normal("NFC", "a\u0308\u0323", "\u1ea1\u0308");  // marks in canonical order first
  normal("NFKC", "ﬁ①", "fi1");
  normal("NFKD", "가", "\u1100\u1161");
  normal("Lowercase", "ÀİΣ", "ài\u0307σ");
  normal("Strip", " \u3000a ", "a");
}

TEST(Normalizer, RunsInSequence) {
  json file = word_sample({"▁a▁b"});
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "▁"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}};
  EXPECT_EQ(make(file).encode("a b", false), Ids{0});
}

TEST(Template, PutsSpecialTokensAroundTheText) {
  json file = word_sample({"<s>", "a", "</s>"});
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}}},
      {"special_tokens",
       {{"<s>", {{"id", "<s>"}, {"ids", {0}}}}, {"</s>", {{"id", "</s>"}, {"ids", {2, 2}}}}}}};
  EXPECT_THAT(make(file).encode("a", true), ElementsAre(0, 1, 2, 2));
  EXPECT_THAT(make(file).encode("a", false), ElementsAre(1));
}

TEST(Decoder, RunsOfByteTokensAreTextOrReplacementCharacters) {
  json file = word_sample({"<0xE2>", "<0x82>", "<0xAC>", "x"});
  file["decoder"] = {{"type", "ByteFallback"}};
  EXPECT_EQ(make(file).decode(Ids{0, 1, 2, 3}, false), "€x");
  EXPECT_EQ(make(file).decode(Ids{0, 1, 3}, false), "\xEF\xBF\xBD\xEF\xBF\xBDx");
}

TEST(Decoder, StripTakesNoMoreThanItMay) {
  json file = word_sample({"  a  "});
  file["decoder"] = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 1}};
  EXPECT_EQ(make(file).decode(Ids{0}, false), " a ");
}

TEST(Decoder, IdsWithoutATokenArePassedOver) {
  EXPECT_EQ(make(word_sample({"a", "b"})).decode(Ids{0, 7, -1, 1}, false), "a b");
}

}  // namespace
}  // namespace presswork::modelkit
