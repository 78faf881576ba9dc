// What stages say in documents has a translation: every literal sentence of a Message in the sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "plugins/modelkit/wording/message.h"
#include "plugins/report/phrases.h"

namespace presswork::summary {
namespace {

using modelkit::Message;
namespace fs = std::filesystem;

std::string text_of_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Message("one " "two", …) and Message name("…"): adjacent literals are one sentence.
std::set<std::string> sentences_in(const std::string& source) {
  static const std::regex message(R"re(Message(?:\s+\w+)?\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+))re"),
      literal(R"re("((?:[^"\\]|\\.)*)")re");
  std::set<std::string> found;
  for (std::sregex_iterator at(source.begin(), source.end(), message), end; at != end; ++at) {
    const std::string parts = (*at)[1];
    std::string sentence;
    for (std::sregex_iterator part(parts.begin(), parts.end(), literal); part != end; ++part)
      sentence += (*part)[1];
    found.insert(sentence);
  }
  return found;
}

std::set<std::string> all_sentences() {
  std::set<std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(PRESSWORK_SOURCE_DIR) / "plugins")) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    all.merge(sentences_in(text_of_file(entry.path())));
  }
  return all;
}

std::set<char> holes_of(const std::string& sentence) {
  std::set<char> holes;
  for (std::size_t at = sentence.find('{'); at != std::string::npos; at = sentence.find('{', at + 1))
    holes.insert(sentence.at(at + 1));
  return holes;
}

TEST(Messages, EachSentenceOfAStageHasATranslationWithTheSameHoles) {
  const auto sentences = all_sentences();
  EXPECT_GT(sentences.size(), 90u) << "the search does not find them";
  const Phrases chinese("zh-TW");
  for (const std::string& sentence : sentences) {
    const std::string translated = chinese.known(sentence);
    EXPECT_NE(translated, sentence) << "has no translation in phrases_zh_tw_stages.cc";
    EXPECT_EQ(holes_of(translated), holes_of(sentence)) << translated;
  }
}

TEST(Messages, ChecklistsOfTheShippedWorkflowsAreTranslated) {
  static const std::regex title(R"re(- title: (.*))re");
  const Phrases chinese("zh-TW");
  int found = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(PRESSWORK_SOURCE_DIR) / "workflows")) {
    const std::string workflow = text_of_file(entry.path());
    for (std::sregex_iterator at(workflow.begin(), workflow.end(), title), end; at != end; ++at, ++found)
      EXPECT_NE(chinese.known((*at)[1]), (*at)[1].str()) << entry.path().filename();
  }
  EXPECT_GT(found, 10);
}

TEST(Messages, FindsSentencesHoweverTheyAreWritten) {
  EXPECT_THAT(sentences_in("a(Message(\"one \"\n   \"two\", {b})); const Message title(\"three\");"),
              ::testing::ElementsAre("one two", "three"));
}

TEST(Messages, AreSaidInTheReportsLanguageWithTheirValues) {
  const Message miss("the memory was {0} where {1} is allowed",
                     {Message::number(3.5, " GiB"), Message::number(3, " GiB")});
  const Message why("the model as it is failed ({0}); {1} was planned and is tried first",
                    {miss, Message::verbatim("rtn-int8")});
  nlohmann::json document;
  put(document, "why", why);
  EXPECT_EQ(document["why"],
            "the model as it is failed (the memory was 3.5 GiB where 3 GiB is allowed); rtn-int8 was planned "
            "and is tried first");
  EXPECT_EQ(Phrases("en").said(document, "why"), document["why"]);
  const Phrases chinese("zh-TW");
  EXPECT_EQ(chinese.said(document, "why"),
            "原始模型未通過（記憶體為 3.5 GiB，上限為 3 GiB）；先嘗試原訂策略 rtn-int8");
  EXPECT_THAT(chinese.missing(), ::testing::IsEmpty());
  EXPECT_EQ(Message::from(document, "why").parts(), why.parts()) << "a stage hands on what another one said";
}

TEST(Messages, WithoutPartsAreSaidAsTheyAre) {
  const nlohmann::json document = {{"why", "of an older version, or another plugin"}};
  EXPECT_EQ(Phrases("zh-TW").said(document, "why"), document["why"]);
  EXPECT_EQ(Phrases("zh-TW").said(document, "other"), "");
}

TEST(Messages, OfTheEngineAreSaidInTheReportsLanguage) {
  const Phrases say("zh-TW");
  EXPECT_EQ(say.of_engine("decision J chose no, not yes"), "決策 J 選擇了 no，而非 yes");
  EXPECT_EQ(say.of_engine("needs tune[2]/quantize, which failed"), "需要 tune[2]/quantize，但它失敗了");
  EXPECT_EQ(say.of_engine("input model needs prune.model, which does not exist in this run"),
            "輸入 model 需要 prune.model，但本次執行中不存在");
  EXPECT_EQ(say.of_engine("a.metrics.loss = 0.5, b.metrics.loss does not exist in this run"),
            "a.metrics.loss = 0.5, b.metrics.loss（本次執行中不存在）");
  EXPECT_EQ(say.of_engine("there is nothing to select from"), "沒有可供選擇的結果");
  for (const char* other :
       {"", "needs a, which", "so there is nothing to select from", "quantize: out of memory"})
    EXPECT_EQ(say.of_engine(other), other);
  EXPECT_EQ(Phrases("en").of_engine("needs a, which failed"), "needs a, which failed");
}

}  // namespace
}  // namespace presswork::summary
