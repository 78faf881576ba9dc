#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "golden.h"
#include "plugins/evaluation/compare.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

namespace presswork {
namespace {

TEST(CompareStage, PutsBothModelsIntoOneTable) {
  const ChangedModel changed;
  testing::StageRunner<EvaluateCompare> runner;
  const auto result = runner.input("model", changed.folder())
                          .input("baseline", kModel)
                          .input("text", kText)
                          .parameter("window", 256)
                          .threads(2)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("size_ratio"), 1.0);
  EXPECT_EQ(result.metrics.at("bytes"), result.metrics.at("baseline_bytes"));
  std::stringstream table;
  table << std::ifstream(result.outputs.at("table")).rdbuf();
  // golden/evaluation.json: 33.14 and 66.90, KL 0.6979, agreement 53.07 %.
  for (const char* part :
       {"| perplexity | 33.14 ± 0.8 | 66.9 ± ", "| +101.86 % |", "mean | 0 | 0.6979 ± 0.0077",
        "0.444 / 1.59 / 3.42 / 9.07", "53.07 ± 0.47 %", "14535 positions in 57 windows"}) {
    EXPECT_THAT(table.str(), ::testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace presswork
