// The ready recipes of workflows/, run as they ship.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "integration/cli/command.h"

namespace presswork::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// With less calibration than by default, so that a run takes seconds.
struct Shipped {
  const char* name;
  std::vector<std::string> parameters;
  const char* missed = "";  // the item of its checklist that the tiny model cannot meet
};

const std::vector<Shipped>& shipped() {
  static const std::vector<Shipped> all = {
      {"quantize-int4", {"window=128"}},
      {"gptq", {"window=64"}},
      {"qat", {"window=64", "samples=64"}},
      {"awq", {"window=128", "samples=24", "max_loss=0.25"}},
      {"w8a8-smoothquant", {"window=128", "samples=24"}},
      {"mixed-precision-search", {"window=64", "samples=24", "sensitivity_windows=2"}},
      {"prune-2of4", {"window=128", "samples=24"}, "The perplexity at most doubles"},
      {"llama-7b", {}}};
  return all;
}

class Recipe : public Command, public ::testing::WithParamInterface<Shipped> {};

TEST_P(Recipe, RunsOnTheShippedModelAndMeetsItsChecklist) {
  std::vector<std::string> words = {
      "run", std::string(PRESSWORK_SOURCE_DIR) + "/workflows/" + GetParam().name + ".yaml", "--json"};
  for (const std::string& parameter : GetParam().parameters) words.insert(words.end(), {"-p", parameter});
  const Finished run = presswork(words);
  ASSERT_EQ(run.code, 0) << run.err << run.out;
  for (const auto& stage : run.list("stages")) EXPECT_EQ(stage["state"], "succeeded") << stage;
  for (const auto& item : run.list("checklist"))
    EXPECT_EQ(item["state"], item["title"] == GetParam().missed ? "fail" : "pass") << item;
  for (const auto& stage : presswork(words).list("stages")) {
    // Selections and estimates cost nothing, and are never taken from the cache.
    const bool anew = stage["kind"] == "select" || stage["uses"] == "estimate/overview";
    EXPECT_EQ(stage["state"], anew ? "succeeded" : "cached") << stage;
  }
}

INSTANTIATE_TEST_SUITE_P(Workflows, Recipe, ::testing::ValuesIn(shipped()), [](const auto& workflow) {
  std::string name = workflow.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Recipes, EachIsDescribedAndRunByATest) {
  const fs::path source = PRESSWORK_SOURCE_DIR;
  std::set<std::string> tested = {"decision-tree"};  // by decision_tree_test
  for (const Shipped& one : shipped()) tested.insert(one.name);
  const std::string page = slurp(source / "docs/recipes.md"), readme = slurp(source / "README.md"),
                    chinese = slurp(source / "README.zh-TW.md");
  for (const auto& entry : fs::directory_iterator(source / "workflows")) {
    const std::string file = entry.path().filename();
    EXPECT_TRUE(tested.contains(entry.path().stem())) << file << " is run by no test";
    EXPECT_THAT(page, HasSubstr("](../workflows/" + file + ")"));
    EXPECT_THAT(readme, HasSubstr("`" + file + "`"));
    EXPECT_THAT(chinese, HasSubstr("`" + file + "`"));
  }
}

// The lines between fences, without comments.
std::vector<std::string> code_of(const std::string& markdown) {
  std::vector<std::string> lines;
  std::istringstream text(markdown);
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) inside = !inside;
    const std::size_t comment = line.find("  # ");
    if (inside) lines.push_back(line.substr(0, line.find_last_not_of(' ', comment) + 1));
  }
  return lines;
}

TEST(Readme, HasTheSameCommandsInBothLanguages) {
  const fs::path source = PRESSWORK_SOURCE_DIR;
  const auto english = code_of(slurp(source / "README.md"));
  EXPECT_THAT(english, ::testing::Contains("scripts/demo"));
  EXPECT_THAT(code_of(slurp(source / "README.zh-TW.md")), ::testing::ElementsAreArray(english));
}

}  // namespace
}  // namespace presswork::testing
