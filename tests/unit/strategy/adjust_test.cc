#include "plugins/strategy/adjust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>

#include "plugins/strategy/plan.h"
#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork::strategy {
namespace {

using ::testing::HasSubstr;

class AdjustTest : public ::testing::Test {
 protected:
  Strategy planned(double memory_gb, double loss, std::vector<std::string> methods = {"rtn", "n_m"}) {
    presswork::testing::StageRunner<PlanStrategy> runner;
    runner.parameter("params", 1e9)
        .parameter("d_model", 2048)
        .parameter("n_layers", 16)
        .parameter("n_heads", 16);
    runner.parameter("memory_gb", memory_gb)
        .parameter("max_loss_percent", loss)
        .parameter("methods", methods);
    const auto result = runner.run();
    EXPECT_TRUE(result.ok()) << result.message;
    return read_strategy(result.outputs.at("strategy"));
  }
  Attempt measured(const Strategy& strategy, std::optional<double> loss, std::optional<double> memory = {}) {
    return {strategy.choice, loss, memory, {}, {}};
  }
  const Assessed& assessed(const std::vector<Assessed>& all, const std::string& id) {
    for (const Assessed& a : all) {
      if (a.candidate.id == id) return a;
    }
    throw std::runtime_error(id);
  }
};

TEST_F(AdjustTest, NeverTakesTheSameStrategyTwiceAndEndsWhenNoneIsLeft) {
  Strategy strategy = planned(1.2, 5);
  std::set<std::string> seen = {strategy.choice};
  while (true) {
    strategy = adjusted(strategy, measured(strategy, 50));
    if (strategy.exhausted) break;
    EXPECT_TRUE(seen.insert(strategy.choice).second) << strategy.choice << " came twice";
    ASSERT_LT(seen.size(), 100u);
  }
  // Rounding to int8, four times to int4, once with 2:4; and 2:4 alone.
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_THAT(strategy.why.text(), HasSubstr("every other candidate was tried"));
}

TEST_F(AdjustTest, GoesToLessLossWhenTheLossWasTooLarge) {
  const Strategy first = planned(1.2, 5);
  const Strategy second = adjusted(first, measured(first, 9));
  const auto all = ranked(second.subject, second.limits, modelkit::GpuCatalogue::load(), second.options);
  EXPECT_LT(assessed(all, second.choice).prediction.loss_percent,
            assessed(all, first.choice).prediction.loss_percent);
  EXPECT_THAT(second.why.text(), HasSubstr("accuracy loss was 9 % where 5 % is allowed"));
}

TEST_F(AdjustTest, GoesToLessMemoryWhenTheMemoryWasTooLarge) {
  const Strategy first = planned(3, 5);
  const Strategy second = adjusted(first, measured(first, 1, 3.5));
  const auto all = ranked(second.subject, second.limits, modelkit::GpuCatalogue::load(), second.options);
  EXPECT_LT(assessed(all, second.choice).prediction.memory_gb,
            assessed(all, first.choice).prediction.memory_gb);
  EXPECT_THAT(second.why.text(), HasSubstr("memory was 3.5 GiB where 3 GiB is allowed"));
}

TEST_F(AdjustTest, CorrectsWhatItPredictsByWhatWasMeasured) {
  const Strategy first = planned(1.2, 5);
  const auto before = ranked(first.subject, first.limits, modelkit::GpuCatalogue::load(), first.options);
  const double predicted = assessed(before, first.choice).prediction.loss_percent;
  const Strategy second = adjusted(first, measured(first, 3 * predicted));
  EXPECT_DOUBLE_EQ(second.options.correction.loss, 3);
  ASSERT_EQ(second.tried.size(), 1u);
  EXPECT_DOUBLE_EQ(second.tried[0].predicted.loss_percent, predicted);
}

TEST_F(AdjustTest, TriesThePlannedStrategyFirstWhenTheModelFailedAsItWas) {
  const Strategy first = planned(1.2, 5);
  const Strategy second = begun(first, measured(first, 0, 2.5));
  EXPECT_EQ(second.choice, first.choice);
  EXPECT_TRUE(second.tried.empty());
  EXPECT_THAT(second.why.text(), HasSubstr("memory was 2.5 GiB where 1.2 GiB is allowed"));
}

TEST_F(AdjustTest, LeavingTheModelAsItIsIsNotTriedOnceMore) {
  const Strategy first = planned(100, 5, {"keep", "n_m"});
  ASSERT_EQ(first.choice, "guide-ptq-fp16");
  const Strategy second = begun(first, {first.choice, 0, 2.5, {}, {}});
  EXPECT_EQ(second.choice, "pruned-2of4");
  EXPECT_EQ(second.tried.size(), 1u);
}

TEST_F(AdjustTest, TheReasonGoesFromFileToFileInParts) {
  presswork::testing::StageRunner<PlanStrategy> plan;
  plan.parameter("params", 1e9).parameter("d_model", 2048).parameter("n_layers", 16).parameter("n_heads", 16);
  plan.parameter("memory_gb", 1.2).parameter("methods", {"rtn"});
  const auto planned_file = plan.run();
  presswork::testing::StageRunner<AdjustStrategy> adjust;
  const auto result = adjust.input("strategy", planned_file.outputs.at("strategy"))
                          .parameter("carried_out", false)
                          .parameter("memory_gb", 2.5)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Json document = Json::parse(std::ifstream(result.outputs.at("strategy")));
  EXPECT_EQ(document.at("why_parts").at("say"),
            "the model as it is failed ({0}); {1} was planned and is tried first");
  EXPECT_EQ(document.at("why"), result.metrics.at("why"));
  EXPECT_EQ(read_strategy(result.outputs.at("strategy")).why.parts(), document.at("why_parts"));
}

TEST_F(AdjustTest, TheStageRemembersAttemptsFromFileToFile) {
  presswork::testing::StageRunner<PlanStrategy> plan;
  plan.parameter("params", 1e9).parameter("d_model", 2048).parameter("n_layers", 16).parameter("n_heads", 16);
  plan.parameter("memory_gb", 1.2).parameter("max_loss_percent", 5).parameter("methods", {"rtn"});
  auto result = plan.run();
  ASSERT_TRUE(result.ok()) << result.message;
  std::set<std::string> seen = {result.metrics.at("recommended").get<std::string>()};
  std::vector<std::unique_ptr<presswork::testing::StageRunner<AdjustStrategy>>> runners;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    // The runner that made the file owns it.
    runners.push_back(std::make_unique<presswork::testing::StageRunner<AdjustStrategy>>());
    result =
        runners.back()->input("strategy", result.outputs.at("strategy")).parameter("loss_percent", 40).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("attempts"), attempt);
    EXPECT_TRUE(seen.insert(result.metrics.at("recommended").get<std::string>()).second);
    const Json document = Json::parse(std::ifstream(result.outputs.at("strategy")));
    EXPECT_EQ(document.at("tried").size(), static_cast<std::size_t>(attempt));
    EXPECT_EQ(document.at("tried")[0].at("measured").at("loss_percent"), 40);
  }
}

TEST_F(AdjustTest, RefusesAFileThatIsNoStrategy) {
  const auto path = presswork::testing::process_folder() / "no-strategy.json";
  std::ofstream(path) << R"({"subject": 3})";
  presswork::testing::StageRunner<AdjustStrategy> adjust;
  const auto result = adjust.input("strategy", path).run();
  EXPECT_EQ(result.code, "invalid_input");
  EXPECT_THAT(result.hint, HasSubstr("strategy/plan"));
}

}  // namespace
}  // namespace presswork::strategy
