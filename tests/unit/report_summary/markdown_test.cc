#include "plugins/report/markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/report/html.h"
#include "plugins/report/number_text.h"
#include "presswork/error.h"
#include "unit/report_summary/sample_run.h"

namespace presswork::summary {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string written(const Json& json, const Phrases& say, const std::string& title = "") {
  const Json model = model_of(json, say, title);
  to_html(model, say);  // for the phrases that only the page has
  return to_markdown(model, say);
}

TEST(Report, TellsSizesAccuracyStepsDecisionsAndDigests) {
  const std::string text = written(sample_facts(), Phrases("en"));
  for (const char* part :
       {"# Model compression report", "**good**", "- Compression ratio: 3.20x", "- Storage saving: 68.8 %",
        "| Accuracy loss | 4.00 % | good |", "| Inference speedup | not measured |", "30.0000 ± 0.5000",
        "+4.00 %",
        "| `quantize` | `quantize/rtn` | succeeded | 1 min 5 s | compression\\_ratio 3.20x; perplexity of "
        "its model "
        "31.2000 |",
        "1. `memory_over_limit` → **yes** (because `params.memory_gb` = `16`)", "run an A/B test",
        "worth deploying", "`sha256:small`", "-9.1 %", "| Runs \\| at all | yes | pass |", "`eval.txt`"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Report, TellsHowAQuantizationWentByLayer) {
  const std::string text = written(sample_run(), Phrases("en"));
  EXPECT_THAT(text, HasSubstr("| 0 | 0.0500 | 5 | 9.0x | – | – |\n| 1 | 0.0625 | – | – | – | 1.50 % |"));
  EXPECT_THAT(text, HasSubstr("Time by phase: passes 2.50 s, rounding 0.25 s"));
}

TEST(Report, SetsErrorsBesideThoseOfRoundingToNearest) {
  const std::string text = written(sample_run(), Phrases("en"));
  EXPECT_THAT(text, HasSubstr("after quantize. Before the arrow: rounding to nearest on the same grid.\n\n"
                              "| Layer | `up_proj` |\n| --- | --- |\n"
                              "| 0 | 0.1000 → 0.2000 |\n| 1 | 0.4000 |"));
  EXPECT_THAT(text, HasSubstr("## Errors of the outputs by layer\n"));
  EXPECT_THAT(text, HasSubstr("| 0 | 0.0625 → 0.0300 |"));
  const Json model = model_of(sample_run(), Phrases("en"));
  EXPECT_THAT(to_html(model, Phrases("en")), HasSubstr("<small>0.0625 → </small>0.0300"));
}

TEST(Report, LeadsWithARequiredCheckThatDoesNotHold) {
  Json facts = sample_facts();
  facts["checklist"] =
      Json::array({{{"title", "Nice"}, {"state", "fail"}, {"required", false}, {"why", "a = 1"}},
                   {{"title", "Small | loss"}, {"state", "fail"}, {"required", true}, {"why", "loss = 9"}}});
  EXPECT_THAT(written(facts, Phrases("en")),
              HasSubstr("## Summary\n\n- **Required check not met**: **Small \\| loss** (loss = 9)\n- "
                        "**Overall grade**"));
}

TEST(Report, EverySentenceExistsInChinese) {
  const Phrases say("zh-TW");
  Json facts = sample_facts();
  facts["checklist"].push_back({{"title", "x"}, {"state", "fail"}, {"required", true}, {"why", ""}});
  facts["instances"][0]["metrics"]["compatibility_score"] = 0.9;
  facts["instances"][3]["metrics"]["max_relative_error"] = 0.3;
  for (const char* state : {"failed", "skipped", "timed_out", "cancelled", "cached"}) {
    Json other = instance(state, "a/b", Json::object(), Json::object(), Json::object(), Json::object(), 1);
    other["state"] = state;
    facts["instances"].push_back(other);
  }
  EXPECT_THAT(written(facts, say), HasSubstr("模型壓縮工程化報告"));
  for (const double perplexity : {30.0, 33.0}) {
    facts["instances"][4]["metrics"]["perplexity"] = perplexity;
    facts["instances"][0]["metrics"]["compatibility_score"] = 0.5;
    facts["instances"][3]["metrics"]["compressed_bytes"] = 3900;
    written(facts, say);
  }
  written(Json::object(), say);
  written(sample_run(), say);
  for (const std::string& english : say.missing()) ADD_FAILURE() << "not translated: " << english;
}

TEST(Report, ALanguageThatNobodyWritesIsRefused) { EXPECT_THROW(Phrases("fr"), Error); }

TEST(Report, TextOfOthersCannotBreakTheDocument) {
  Json facts = sample_facts();
  facts["instances"][0]["id"] = "a|b\n# c`d";
  facts["decisions"][0]["branch"] = "<script>";
  const std::string text = written(facts, Phrases("en"), "x\n# y");
  EXPECT_THAT(text, Not(HasSubstr("\n# ")));
  EXPECT_THAT(text, Not(HasSubstr("<script>")));
}

TEST(Report, TheSameFactsGiveTheSameText) {
  EXPECT_EQ(written(sample_facts(), Phrases("en")), written(sample_facts(), Phrases("en")));
}

TEST(NumberText, IsForReaders) {
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(3.5 * 1024 * 1024), "3.50 MiB");
  EXPECT_EQ(seconds_text(0.421), "0.42 s");
  EXPECT_EQ(seconds_text(187), "3 min 7 s");
  EXPECT_EQ(seconds_text(7260), "2 h 1 min");
  EXPECT_EQ(count_text(1797248), "1,797,248");
  EXPECT_EQ(count_text(-1000), "-1,000");
  EXPECT_EQ(count_text(12), "12");
}

}  // namespace
}  // namespace presswork::summary
