#include <gmock/gmock.h>

#include <fstream>

#include "plugins/quantization/sensitivity.cc"  // the stage is nowhere else
#include "small_job.h"

namespace presswork::modelkit {
namespace {

// quantize_mixed_test holds the figures to their definition: both stages measure with the same code.
TEST(QuantizeSensitivityStage, WritesEachLinearAtEachPrecisionWithItsGrid) {
  ::presswork::testing::StageRunner<QuantizeSensitivity> runner;
  const auto result = runner.input("model", kTinyLlama)
                          .input("calibration", kText)
                          .parameter("window", 64)
                          .parameter("sensitivity_windows", 2)
                          .parameter("group_size", 32)
                          .parameter("precisions", {8, 3})
                          .threads(2)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto document = ::presswork::Json::parse(std::ifstream(result.outputs.at("sensitivity")));
  EXPECT_EQ(document.at("grid").at("group_size"), 32);
  EXPECT_EQ(document.at("weights_digest"), weights_digest(ModelSource::open(kTinyLlama)));
  EXPECT_EQ(document.at("linears"), result.metrics.at("sensitivities"));
  EXPECT_EQ(document.at("linears").size(), 28U);
  double few = 0, many = 0;
  for (const auto& [module, bits] : document.at("linears").items()) {
    few += bits.at("3").get<double>();
    many += bits.at("8").get<double>();
  }
  EXPECT_GT(many, 0);
  EXPECT_GT(few, 20 * many) << "three bits hurt far more than eight";
}

}  // namespace
}  // namespace presswork::modelkit
