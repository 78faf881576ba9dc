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
  const auto before = result.metrics.at("layer_training_errors_before").get<std::vector<double>>(),
             after = result.metrics.at("layer_training_errors").get<std::vector<double>>();
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

TEST(QuantizeQatStage, TellsHowItWentByLinearLayerAndPhase) {
  for (const int epochs : {0, 1}) {  // of the second phase, which changes the layers once more
    Runner runner;
    const auto result = small(runner).parameter("end_to_end_epochs", epochs).run();
    ASSERT_TRUE(result.ok()) << result.message;
    const auto& metrics = result.metrics;
    for (const char* name : {"rounding_errors", "dead_scales", "clipped_weights"})
      EXPECT_EQ(metrics.at(name).size(), 28U) << name;
    EXPECT_EQ(metrics.at("layer_output_errors").size(), 4U);
    for (const auto& [layer, error] : metrics.at("layer_output_errors").items()) {
      EXPECT_GT(error, 0.0) << layer;
      EXPECT_LT(error, 1.0) << layer;
    }
    for (const auto& [module, error] : metrics.at("rounding_errors").items()) {
      EXPECT_GT(error, 0.0) << module;
      EXPECT_GT(metrics.at("clipped_weights").at(module), 0.0);  // the range is shrunk
      EXPECT_EQ(metrics.at("dead_scales").at(module), 0.0);
    }
    for (const char* phase : {"passes", "training", "rounding", "keeping", "writing"})
      EXPECT_TRUE(metrics.at("phase_seconds").contains(phase)) << phase;
    EXPECT_EQ(metrics.at("phase_seconds").contains("end_to_end"), epochs > 0);
  }
}

TEST(QuantizeQatStage, FromGptqTrainingLowersTheErrorOfEachLayerToo) {
  Runner runner;
  const auto result = small(runner).parameter("end_to_end_epochs", 0).parameter("start", "gptq").run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto before = result.metrics.at("layer_training_errors_before").get<std::vector<double>>(),
             after = result.metrics.at("layer_training_errors").get<std::vector<double>>();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_LT(after[i], before[i]);
  EXPECT_TRUE(result.metrics.at("phase_seconds").contains("factorization"));
}

TEST(QuantizeQatStage, ASecondAttemptTakesWhatTheFirstFinishedAndWritesTheSameBytes) {
  Runner runner, fresh;
  const auto first = small(runner).run();
  ASSERT_TRUE(first.ok()) << first.message;
  const auto second = runner.run();  // of the same scratch folder
  ASSERT_TRUE(second.ok()) << second.message;
  EXPECT_EQ(second.metrics.at("resumed_layers"), 4);
  EXPECT_EQ(second.metrics.at("resumed_steps"), 8);
  const auto third = small(fresh).threads(1).run();
  for (const auto& other : {second, third}) {
    EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(other.outputs.at("model")));
    for (const char* metric : {"losses", "layer_training_errors", "layer_errors"})
      EXPECT_EQ(first.metrics.at(metric), other.metrics.at(metric)) << metric;
  }
}

TEST(QuantizeQatStage, TheSeedChangesTheOrderOfTheWindowsAndSoTheResult) {
  Runner one, other;
  const auto first = small(one).parameter("end_to_end_epochs", 0).run(),
             second = small(other).parameter("end_to_end_epochs", 0).seed(1).run();
  ASSERT_TRUE(first.ok()) << first.message;
  EXPECT_NE(weights_of(first.outputs.at("model")), weights_of(second.outputs.at("model")));
  EXPECT_FALSE(first.metrics.contains("losses"));
}

TEST(QuantizeQatStage, TakesOptionsTogether) {
  Runner runner;
  const auto result = small(runner)
                          .parameter("bits", 2)
                          .parameter("symmetric", false)
                          .parameter("start", "gptq")
                          .parameter("objective", "data")
                          .parameter("scale_dtype", "model")
                          .parameter("batch", 3)
                          .parameter("block_epochs", 1)
                          .parameter("end_to_end_epochs", 1)
                          .parameter("ignore", {"lm_head", "re:.*down_proj"})
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("quantized_tensors"), 24);
  EXPECT_EQ(result.metrics.at("losses").size(), 3U);  // 8 windows, 3 a step
  const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
  EXPECT_EQ(written.tensor("model.layers.3.mlp.down_proj.weight").dtype, DType::BF16);
  EXPECT_EQ(written.tensor("model.layers.3.mlp.up_proj.weight_scale").dtype, DType::BF16);
}

TEST(QuantizeQatStage, WhatCannotBeTrainedIsRefusedWhenPlanned) {
  Runner runner, head;
  const auto result = runner.input("model", fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/qwen3")
                          .parameter("group_size", 0)
                          .plan();
  EXPECT_EQ(result.code, "unsupported");
  EXPECT_THAT(result.message, HasSubstr("norms of queries and keys"));
  EXPECT_THAT(result.hint, HasSubstr("quantize/gptq"));
  const auto refused = small(head).parameter("ignore", ::presswork::Json::array()).plan();
  EXPECT_EQ(refused.code, "invalid_parameter");
  EXPECT_EQ(refused.where, "/ignore");
}

TEST(QuantizeQatStage, EstimatesWhatItNeedsAndStopsWhenCancelled) {
  Runner runner, cancelled;
  const auto plan = small(runner).plan();
  EXPECT_GT(plan.estimates.at("memory_bytes"), 20'000'000);
  EXPECT_LT(plan.estimates.at("memory_bytes"), 400'000'000);
  EXPECT_EQ(small(cancelled).cancel().run().status, PW_CANCELLED);
}

}  // namespace
}  // namespace presswork::modelkit
