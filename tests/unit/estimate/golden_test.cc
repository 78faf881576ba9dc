// Every row of the golden file, made from the guide's Python, to a relative 1e-9.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "plugins/estimate/estimate.cc"  // the stage classes
#include "presswork/testing.hpp"

namespace presswork {
namespace {

void expect_near(const Json& expected, const Json& actual, const std::string& where) {
  if (expected.is_object()) {
    ASSERT_TRUE(actual.is_object()) << where;
    for (const auto& [name, value] : expected.items()) {
      ASSERT_TRUE(actual.contains(name)) << where << "/" << name;
      expect_near(value, actual[name], where + "/" + name);
    }
  } else if (expected.is_number()) {
    ASSERT_TRUE(actual.is_number()) << where;
    const double value = expected.get<double>();
    EXPECT_NEAR(actual.get<double>(), value, 1e-9 * std::abs(value)) << where;
  } else {
    EXPECT_EQ(actual, expected) << where;
  }
}

template <class S>
bool run_row(const Json& row, const std::string& where) {
  if (row.at("stage") != S::id) return false;
  testing::StageRunner<S> runner;
  for (const auto& [name, value] : row.at("with").items()) runner.parameter(name, value);
  const testing::Result result = runner.run();
  EXPECT_TRUE(result.ok()) << where << ": " << result.message;
  expect_near(row.at("expect"), Json(result.metrics), where);
  return true;
}

TEST(EstimateStages, EqualTheGuidesFormulasInEveryGoldenRow) {
  const Json rows = Json::parse(std::ifstream(PRESSWORK_SOURCE_DIR "/tests/data/golden/formulas.json"));
  ASSERT_EQ(rows.size(), 38u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string where = "row " + std::to_string(i) + " " + rows[i].at("stage").get<std::string>();
    EXPECT_TRUE(run_row<TrainingMemoryStage>(rows[i], where) ||
                run_row<InferenceMemoryStage>(rows[i], where) || run_row<GpuMatchingStage>(rows[i], where) ||
                run_row<BandwidthStage>(rows[i], where) || run_row<QuantizationEffectStage>(rows[i], where) ||
                run_row<PruningEffectStage>(rows[i], where))
        << where;
  }
}

TEST(EstimateStages, GroupedQueryAttentionShrinksTheCacheByTheRatioOfHeads) {
  testing::StageRunner<InferenceMemoryStage> full, grouped;
  for (auto* runner : {&full, &grouped}) {
    runner->parameter("params", 8e9).parameter("batch_size", 1).parameter("seq_len", 8192);
    runner->parameter("d_model", 4096).parameter("n_layers", 32).parameter("n_heads", 32);
  }
  grouped.parameter("n_kv_heads", 8);
  const double whole = full.run().metrics.at("kv_cache_memory_gb");
  EXPECT_DOUBLE_EQ(grouped.run().metrics.at("kv_cache_memory_gb"), whole / 4);
  grouped.parameter("kv_precision", "int8");
  EXPECT_DOUBLE_EQ(grouped.run().metrics.at("kv_cache_memory_gb"), whole / 8);
}

}  // namespace
}  // namespace presswork
