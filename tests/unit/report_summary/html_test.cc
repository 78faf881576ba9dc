// The page: safe, whole, and to be read without eyes.
#include "plugins/report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/report/chart.h"
#include "plugins/report/comparison.h"
#include "plugins/report/html_text.h"
#include "presswork/error.h"
#include "unit/report_summary/sample_run.h"

namespace presswork::summary {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page(const Json& facts, const char* language = "en") {
  const Phrases say(language);
  return to_html(model_of(facts, say), say);
}

// What is wrong with the nesting of the tags, or nothing. The page is written so that each element is closed,
// as in XML.
std::string nesting_problem(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return "a tag does not end";
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag[0] == '!' || tag.back() == '/') continue;
    const std::string name = tag.substr(tag[0] == '/', tag.find_first_of(" >") - (tag[0] == '/'));
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " stays open";
}

TEST(ReportPage, IsWellFormed) {
  EXPECT_EQ(nesting_problem(page(sample_run())), "");
  EXPECT_EQ(nesting_problem(page(sample_facts(), "zh-TW")), "");
  EXPECT_EQ(nesting_problem(page(Json::object())), "");
}

TEST(ReportPage, LoadsAndRunsNothing) {
  const std::string html = page(sample_run());
  for (const char* part :
       {"<script", "src=", "http:", "https:", "@import", "url(", "<iframe", "<object", " onload"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST(ReportPage, NamesOfOthersStayText) {
  const std::string evil = "\"><script>alert(1)</script><img src=x onerror='y'>&\x01";
  Json facts = sample_run();
  for (Json& one : facts["instances"]) one["cause"] = evil;
  facts["instances"][0]["id"] = evil;
  facts["instances"][0]["with"] = {{"path", evil}, {evil, evil}};
  facts["instances"][7]["metrics"]["layer_errors"] = {{"model.layers.0." + evil, 0.5}};
  facts["instances"][7]["metrics"]["phase_seconds"][evil] = 1;
  facts["workflow"] = evil;
  facts["parameters"][evil] = evil;
  facts["decisions"][0]["branch"] = evil;
  facts["decisions"][0]["inputs"] = {{evil, evil}};
  facts["checklist"][0]["title"] = evil;
  facts["evidence"]["run"] = evil;
  Json strategy = sample_strategy();
  strategy["candidates"][0]["id"] = evil;
  strategy["recommended"] = evil;
  leave(facts, "strategy", "strategy/plan", "strategy", strategy);
  for (const char* language : {"en", "zh-TW"}) {
    const std::string html = page(facts, language);
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, Not(HasSubstr("<img")));
    EXPECT_THAT(html, Not(HasSubstr("\x01")));
    EXPECT_EQ(nesting_problem(html), "");
  }
}

TEST(ReportPage, SaysPlainlyWhatARunDoesNotHave) {
  const std::string html = page(sample_facts());
  EXPECT_THAT(html, HasSubstr("No analysis looked at the weights"));
  EXPECT_THAT(html, HasSubstr("This workflow is not the guide&#39;s decision tree"));
  EXPECT_THAT(html, HasSubstr("When the stages ran is not known."));
}

TEST(ReportPage, HasLandmarksAndLabelsForItsPictures) {
  const std::string html = page(sample_run());
  for (const char* part : {"<html lang=\"en\">", "<header>", "<nav aria-label=", "<main id=\"content\">",
                           "<footer>", "prefers-color-scheme:dark", "@media print", "width=device-width"})
    EXPECT_THAT(html, HasSubstr(part));
  std::size_t pictures = 0;
  for (std::size_t at = html.find("<svg "); at != std::string::npos; at = html.find("<svg ", at + 1)) {
    EXPECT_THAT(html.substr(at, html.find('>', at) - at), HasSubstr("role=\"img\" aria-label=\"")) << at;
    ++pictures;
  }
  EXPECT_EQ(pictures, 5u) << "tree, sizes, time line, perplexity against size, one histogram";
  EXPECT_THAT(page(sample_run(), "zh-TW"), HasSubstr("<html lang=\"zh-TW\">"));
}

TEST(TradeoffChart, JoinsTheCandidatesThatNoOtherBeats) {
  Json tradeoff = model_of(sample_run(), Phrases("en"))["tradeoff"];
  const std::string chart = tradeoff_chart(tradeoff, Phrases("en"));
  const std::size_t start = chart.find("<path d=\"M");
  const std::string line = chart.substr(start, chart.find('"', start + 10) - start);
  EXPECT_EQ(std::count(line.begin(), line.end(), 'L'), 1)
      << "small and large; the third one is beaten by small: " << line;
  tradeoff["candidates"] = Json::array();
  tradeoff["measured"] = Json::array();
  EXPECT_EQ(tradeoff_chart(tradeoff, Phrases("en")), "");
}

TEST(TreeChart, MarksTheWayBackOnlyWhereItWasTaken) {
  const Phrases say("en");
  const std::string back = "d=\"M104 548H4V168H114\" class=\"way taken\"";
  EXPECT_THAT(tree_chart(model_of(sample_run(), say)["tree"], say), HasSubstr(back));
  const Json once = {{{"node", "A"}, {"branch", ""}}, {{"node", "B"}, {"branch", "no"}}};
  EXPECT_THAT(tree_chart(once, say), Not(HasSubstr(back)));
}

TEST(Ticks, AreRoundNumbers) {
  EXPECT_EQ(ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(ticks(3, 3, 5), std::vector<double>{3});
}

TEST(HtmlText, EscapesAndShortens) {
  EXPECT_EQ(escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(shortened("壓縮模型", 2), "壓縮…");
  EXPECT_EQ(coordinate(-0.001), "0");
  EXPECT_EQ(coordinate(1.5), "1.5");
}

TEST(Comparison, SetsTwoRunsSideBySide) {
  const Phrases say("en");
  Json other = sample_run();
  other["parameters"]["bits"] = 8;
  other["instances"][7]["metrics"]["compressed_bytes"] = 2500;
  const Json found = compare(model_of(sample_run(), say), model_of(other, say));
  EXPECT_EQ(found["figures"][0]["values"], Json({1250.0, 2500.0}));
  EXPECT_NEAR(found["figures"][0]["difference_percent"], 100, 1e-9);
  EXPECT_EQ(found["parameters"], Json({{{"name", "bits"}, {"values", {4, 8}}}}));
  EXPECT_THAT(comparison_markdown(found, say), HasSubstr("| bits | 4 | 8 |"));
  EXPECT_EQ(nesting_problem(comparison_html(found, say)), "");
  EXPECT_THROW(compare(Json::object(), Json(3)), Error);
}

}  // namespace
}  // namespace presswork::summary
