// The ready recipes of workflows/, run as they ship.
#include <algorithm>

#include "integration/cli/command.h"

namespace presswork::testing {
namespace {

// With less calibration than by default, so that a run takes seconds.
struct Shipped {
  const char* name;
  std::vector<std::string> parameters;
};

class Recipe : public Command, public ::testing::WithParamInterface<Shipped> {};

TEST_P(Recipe, RunsOnTheShippedModelAndMeetsItsChecklist) {
  std::vector<std::string> words = {
      "run", std::string(PRESSWORK_SOURCE_DIR) + "/workflows/" + GetParam().name + ".yaml", "--json"};
  for (const std::string& parameter : GetParam().parameters) words.insert(words.end(), {"-p", parameter});
  const Finished run = presswork(words);
  ASSERT_EQ(run.code, 0) << run.err << run.out;
  for (const auto& stage : run.list("stages")) EXPECT_EQ(stage["state"], "succeeded") << stage;
  for (const auto& item : run.list("checklist")) EXPECT_EQ(item["state"], "pass") << item;
  for (const auto& stage : presswork(words).list("stages"))
    EXPECT_EQ(stage["state"], stage["kind"] == "select" ? "succeeded" : "cached") << stage;
}

INSTANTIATE_TEST_SUITE_P(Workflows, Recipe,
                         ::testing::Values(Shipped{"gptq", {"window=64"}},
                                           Shipped{"qat", {"window=64", "samples=64"}},
                                           Shipped{"awq", {"window=128", "samples=24", "max_loss=0.25"}},
                                           Shipped{"w8a8-smoothquant", {"window=128", "samples=24"}},
                                           Shipped{"mixed-precision-search",
                                                   {"window=64", "samples=24", "sensitivity_windows=2"}}),
                         [](const auto& workflow) {
                           std::string name = workflow.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace presswork::testing
