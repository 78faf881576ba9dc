#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "plugins/evaluation/perplexity.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

using Runner = testing::StageRunner<EvaluatePerplexity>;

const std::filesystem::path kSource = PRESSWORK_SOURCE_DIR;
const auto kModel = kSource / "examples/models/tiny-llama", kText = kSource / "examples/text/eval.txt";

TEST(EvaluatePerplexityStage, GivesItsMetricsAndNoOutput) {
  Runner runner;
  const auto result =
      runner.input("model", kModel).input("text", kText).parameter("window", 256).threads(2).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_NEAR(result.metrics.at("perplexity").get<double>(), 33.14065056, 2e-4);  // perplexity_test.cc
  EXPECT_EQ(result.metrics.at("tokens"), 14535);
  EXPECT_EQ(result.metrics.at("windows"), 57);
  for (const char* name :
       {"stderr", "mean_nll", "tokens_per_s", "peak_memory_bytes", "predicted_peak_memory_bytes"}) {
    EXPECT_GT(result.metrics.at(name).get<double>(), 0.0) << name;
  }
  EXPECT_TRUE(result.outputs.empty());
}

TEST(EvaluatePerplexityStage, EstimatesItsMemoryBeforeTheRun) {
  Runner runner;
  const auto result = runner.input("model", kModel).input("text", kText).plan();
  EXPECT_GT(result.estimates.at("memory_bytes").get<double>(), 8e6);
}

TEST(EvaluatePerplexityStage, SaysBothCountsWhenTheTextIsShort) {
  Runner runner;
  const auto text = presswork::testing::process_folder() / "presswork-short-text.txt";
  std::ofstream(text) << "a few words";
  const auto result = runner.input("model", kModel).input("text", text).run();
  std::filesystem::remove(text);
  EXPECT_EQ(result.code, "invalid_input");
  EXPECT_THAT(result.message, ::testing::HasSubstr("fewer than one window of 512"));
}

TEST(EvaluatePerplexityStage, WarnsOfAWindowThatTheModelWasNotMadeFor) {
  Runner runner;
  const auto result =
      runner.input("model", kModel).input("text", kText).parameter("window", 1000).threads(2).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_THAT(result.log, ::testing::Contains(::testing::HasSubstr("512 positions")));
}

TEST(EvaluatePerplexityStage, EndsWhenCancelled) {
  Runner runner;
  EXPECT_EQ(runner.input("model", kModel).input("text", kText).cancel().run().status, PW_CANCELLED);
}

}  // namespace
}  // namespace presswork
