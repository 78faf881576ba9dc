#include "plugins/report/run_facts.h"

#include <gtest/gtest.h>

#include "plugins/report/figures.h"
#include "presswork/error.h"
#include "unit/report_summary/sample_facts.h"

namespace presswork::summary {
namespace {

TEST(RunFacts, FindsOriginalResultAndWhatLiesBetween) {
  const RunFacts facts(sample_facts());
  ASSERT_NE(facts.original(), nullptr);
  ASSERT_NE(facts.result(), nullptr);
  EXPECT_EQ(facts.original()->id, "load");
  EXPECT_EQ(facts.result()->id, "quantize");
  ASSERT_EQ(facts.steps().size(), 1U);
}

TEST(RunFacts, AMeasurementBelongsToTheModelThatItTookIn) {
  const RunFacts facts(sample_facts());
  const Figures figures = find_figures(facts);
  ASSERT_EQ(figures.accuracy.size(), 1U);
  EXPECT_EQ(figures.accuracy[0].where.before->id, "before");
  EXPECT_NEAR(*figures.loss_percent(), 4.0, 1e-9);
  EXPECT_NEAR(*figures.compression_ratio, 3.2, 1e-12);
  EXPECT_NEAR(*figures.storage_saving_percent(), 68.75, 1e-9);
  EXPECT_FALSE(figures.speedup);
}

TEST(RunFacts, OtherTextsAndWindowsAreNotCompared) {
  Json facts = sample_facts();
  const Json smaller = input("quantize", "model", "model", "sha256:small");
  facts["instances"][4] = evaluation("after", smaller, 31.2, "sha256:other");
  EXPECT_TRUE(find_figures(RunFacts(facts)).accuracy.empty());
  facts["instances"][4] = evaluation("after", smaller, 31.2, "sha256:text", 512);
  EXPECT_TRUE(find_figures(RunFacts(facts)).accuracy.empty());
}

Json two_steps() {
  Json facts = sample_facts();
  facts["instances"].push_back(instance("again", "prune/unstructured", Json::object(),
                                        {{"model", input("quantize", "model", "model", "sha256:small")}},
                                        {{"model", artifact("model", "sha256:smaller")}},
                                        {{"original_bytes", 1250}, {"compressed_bytes", 1000}}, 1));
  return facts;
}

TEST(RunFacts, SeveralStepsCountTogether) {
  const RunFacts facts(two_steps());
  EXPECT_EQ(facts.result()->id, "again");
  EXPECT_EQ(facts.steps().size(), 2U);
  EXPECT_NEAR(*find_figures(facts).compression_ratio, 4.0, 1e-12);
}

TEST(RunFacts, TheUserCanNameBaselineAndResult) {
  const RunFacts second(two_steps(), "quantize", "again");
  EXPECT_EQ(second.original()->id, "quantize");
  EXPECT_NEAR(*find_figures(second).compression_ratio, 1.25, 1e-12);
  const RunFacts first(two_steps(), "", "quantize");
  EXPECT_EQ(first.result()->id, "quantize");
  EXPECT_THROW(RunFacts(two_steps(), "", "nowhere"), Error);
  EXPECT_THROW(RunFacts(two_steps(), "before", ""), Error);
}

TEST(RunFacts, FailedAndSkippedStagesDoNotCount) {
  Json facts = two_steps();
  facts["instances"][5]["state"] = "failed";
  EXPECT_EQ(RunFacts(facts).result()->id, "quantize");
}

TEST(RunFacts, DigestsAreEnoughWhereInstancesAreNotNamed) {
  Json facts = sample_facts();
  for (Json& one : facts["instances"]) {
    for (Json& given : one["inputs"]) given["instance"] = nullptr;
  }
  EXPECT_EQ(RunFacts(facts).original()->id, "load");
}

TEST(RunFacts, ARunWithoutCompressionHasAnOriginalOnly) {
  Json facts = sample_facts();
  facts["instances"].erase(4);
  facts["instances"].erase(3);
  const RunFacts read(facts);
  EXPECT_EQ(read.original()->id, "load");
  EXPECT_EQ(read.result(), nullptr);
  EXPECT_FALSE(find_figures(read).compression_ratio);
}

TEST(RunFacts, EmptyOrCircularFactsAreNoTrouble) {
  EXPECT_EQ(RunFacts(Json::object()).original(), nullptr);
  Json facts = two_steps();
  facts["instances"][3]["inputs"]["model"] = input("again", "model", "model", "sha256:smaller");
  EXPECT_NO_THROW(find_figures(RunFacts(facts)));
}

TEST(RunFacts, BenchmarksGiveSpeedAndMemory) {
  Json facts = sample_facts();
  const Json load = {{"prompt_tokens", 16}, {"new_tokens", 8}};
  facts["instances"].push_back(instance(
      "slow", "benchmark/inference", load, {{"model", input("load", "model", "model", "sha256:original")}},
      Json::object(), {{"decode_tokens_per_s", 10}, {"peak_memory_bytes", 1000}}, 1));
  facts["instances"].push_back(instance(
      "fast", "benchmark/inference", load, {{"model", input("quantize", "model", "model", "sha256:small")}},
      Json::object(), {{"decode_tokens_per_s", 25}, {"peak_memory_bytes", 400}}, 1));
  const RunFacts read(facts);
  const Figures figures = find_figures(read);
  EXPECT_NEAR(*figures.speedup, 2.5, 1e-12);
  EXPECT_NEAR(*figures.memory_saving_percent, 60, 1e-9);
}

TEST(RunFacts, PredictionsStandBesideMeasurements) {
  const RunFacts facts(sample_facts());
  const auto predictions = find_predictions(facts);
  ASSERT_EQ(predictions.size(), 2U);
  EXPECT_EQ(predictions[0].name, "peak_memory_bytes");
  EXPECT_NEAR(predictions[0].error_percent(), -9.0909, 1e-3);
}

}  // namespace
}  // namespace presswork::summary
