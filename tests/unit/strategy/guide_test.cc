// The guide's base rule and its worked example (SPEC.md, section 3).
#include <gtest/gtest.h>

#include <fstream>
#include <tuple>

#include "plugins/strategy/candidate.h"
#include "plugins/strategy/plan.h"
#include "presswork/testing.hpp"

namespace presswork::strategy {
namespace {

using Runner = presswork::testing::StageRunner<PlanStrategy>;

struct Llama7b : Runner {
  explicit Llama7b(double memory_gb) {
    parameter("params", 6.7e9).parameter("d_model", 4096).parameter("n_layers", 32).parameter("n_heads", 32);
    parameter("batch_size", 8).parameter("seq_len", 2048).parameter("precision", "fp16");
    parameter("memory_gb", memory_gb);
  }
};

struct Expected {
  double target, ratio, impact;
  const char* strategy;
};

TEST(GuideRule, GivesTheWorkedExampleAtItsThreeTargets) {
  // r = 21.85… / target.
  const double memory =
      (6.7e9 * 2 * 1.1 + 2.0 * 32 * 8 * 2048 * 4096 * 2 + 8.0 * 2048 * 4096 * 2) / 1073741824.0;
  EXPECT_NEAR(memory, 21.85, 0.005);
  for (const Expected& row :
       {Expected{16, 1.366, 0.5, "guide-ptq-fp16"}, Expected{8, memory / 8, 1.5, "guide-awq-int8"},
        Expected{4, memory / 4, 4.5, "guide-gptq-int4-pruned"}}) {
    const auto result = Llama7b(row.target).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_NEAR(result.metrics.at("required_ratio"), row.ratio, 0.0005);
    EXPECT_NEAR(result.metrics.at("required_ratio"), memory / row.target, 1e-9);
    EXPECT_EQ(result.metrics.at("guide_strategy"), row.strategy);
    EXPECT_DOUBLE_EQ(result.metrics.at("estimated_accuracy_impact"), row.impact);
  }
}

TEST(GuideRule, IsRecommendedWhereTheWorkflowChoosesSo) {
  const auto result = Llama7b(8).parameter("choose", "guide").run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("recommended"), "guide-awq-int8");
  EXPECT_EQ(result.metrics.at("method"), "awq");
  EXPECT_EQ(result.metrics.at("bits"), 8);
}

TEST(GuideRule, SixteenBitsAreRoundedToWhereTheModelHasMore) {
  for (const auto& [precision, method, type] :
       {std::tuple{"fp16", "none", "int"}, std::tuple{"fp32", "rtn", "fp16"}}) {
    Llama7b runner(40);
    const auto result = runner.parameter("choose", "guide").parameter("precision", precision).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("recommended"), "guide-ptq-fp16");
    EXPECT_EQ(result.metrics.at("method"), method);
    EXPECT_EQ(result.metrics.at("type"), type);
  }
}

TEST(GuideRule, TakesTheGentlerStrategyExactlyAtItsBorders) {
  EXPECT_EQ(guide_rule(8, 2).id, "guide-awq-int8");
  EXPECT_EQ(guide_rule(8.0001, 2).id, "guide-gptq-int4-pruned");
  EXPECT_EQ(guide_rule(4, 2).id, "guide-ptq-fp16");
  EXPECT_EQ(guide_rule(4.0001, 2).id, "guide-awq-int8");
}

TEST(GuideRule, CapsTheImpactAtFifteen) {
  Candidate candidate{"x", {{.type = "quantization", .method = "gptq", .target_precision = "int4"}}, false};
  for (int i = 0; i < 4; ++i)
    candidate.steps.push_back(
        {.type = "pruning", .method = "structured", .target_precision = {}, .sparsity = 0.9});
  EXPECT_DOUBLE_EQ(guide_accuracy_impact(candidate), 15);
}

TEST(GuideRule, StepsAreTheGuidesInItsWords) {
  for (const Candidate& candidate : candidates()) {
    if (candidate.id != "guide-gptq-int4-pruned") continue;
    ASSERT_EQ(candidate.steps.size(), 3u);
    EXPECT_EQ(to_json(candidate.steps[0])["method"], "gptq");
    EXPECT_EQ(to_json(candidate.steps[0])["target_precision"], "int4");
    EXPECT_EQ(to_json(candidate.steps[1]),
              Json({{"type", "pruning"}, {"method", "structured"}, {"sparsity", 0.3}}));
    EXPECT_EQ(to_json(candidate.steps[2]), Json({{"type", "optimization"}, {"method", "inference_engine"}}));
  }
}

TEST(GuideRule, ThreeOfTheCandidatesAreAlwaysTheGuides) {
  for (const double target : {0.1, 4.0, 1000.0}) {
    Llama7b runner(target);
    const auto result = runner.run();
    ASSERT_TRUE(result.ok()) << result.message;
    const Json strategy = Json::parse(std::ifstream(result.outputs.at("strategy")));
    int from_guide = 0;
    for (const Json& candidate : strategy.at("candidates"))
      from_guide += candidate.at("from_guide").get<bool>() ? 1 : 0;
    EXPECT_EQ(from_guide, 3);
  }
}

}  // namespace
}  // namespace presswork::strategy
