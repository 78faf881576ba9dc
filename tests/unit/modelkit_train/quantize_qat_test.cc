#include <gmock/gmock.h>

#include "plugins/quantization/qat.cc"  // the stage is nowhere else
#include "unit/modelkit_quantize/small_job.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<QuantizeQat>;
namespace fs = std::filesystem;

Runner& small(Runner& runner) {
  return small_job(runner)
      .parameter("group_size", 32)
      .parameter("bits", 3)
      .parameter("checkpoint_steps", 2)
      .parameter("end_to_end_epochs", 2);
}

TEST(QuantizeQatStage, TrainingLowersTheErrorOfEachLayerAndThenTheLoss) {
  Runner runner;
  const auto result = small(runner).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto before = result.metrics.at("layer_output_errors_before").get<std::vector<double>>(),
             after = result.metrics.at("layer_output_errors").get<std::vector<double>>();
  ASSERT_EQ(after.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_LT(after[i], before[i]);
  const auto losses = result.metrics.at("losses").get<std::vector<double>>();
  ASSERT_EQ(losses.size(), 8U);
  EXPECT_LT((losses[6] + losses[7]) / (losses[0] + losses[1]), 1.0);
  EXPECT_EQ(result.metrics.at("layer_errors").size(), 28U);
  const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  EXPECT_THAT(check_structure(written, ModelConfig::parse(written.config(), ""), config).problems,
              ::testing::IsEmpty());
  EXPECT_EQ(load_linear(written, config, "model.layers.0.mlp.up_proj").grouped_int()->bits, 3);
}

TEST(QuantizeQatStage, TheResultDoesNotDependOnTheNumberOfThreads) {
  Runner one, two;
  const auto first = small(one).threads(1).run(), second = small(two).threads(2).run();
  ASSERT_TRUE(first.ok()) << first.message;
  EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(second.outputs.at("model")));
  EXPECT_EQ(first.metrics.at("losses"), second.metrics.at("losses"));
}

}  // namespace
}  // namespace presswork::modelkit
