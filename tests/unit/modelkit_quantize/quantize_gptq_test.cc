#include <gmock/gmock.h>

#include "plugins/quantization/gptq.cc"  // the stage is nowhere else
#include "small_job.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<QuantizeGptq>;
namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures";

Runner& small(Runner& runner) { return small_job(runner).parameter("group_size", 32); }

TEST(QuantizeGptqStage, WritesAModelWhoseOutputsAreNearerThanRoundedOnes) {
  Runner runner;
  const auto result = small(runner).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("quantized_tensors"), 28);
  EXPECT_EQ(result.metrics.at("layer_errors").size(), 28U);
  EXPECT_EQ(result.metrics.at("output_errors").size(), 28U);
  EXPECT_LT(result.metrics.at("mean_output_error"),
            0.9 * result.metrics.at("mean_rounding_output_error").get<double>());
  EXPECT_EQ(result.metrics.at("calibration_tokens"), 512);
  EXPECT_EQ(result.metrics.at("calibration_bundled"), false);
  EXPECT_EQ(result.metrics.at("resumed_layers"), 0);
  const Checkpoint written = Checkpoint::open(result.outputs.at("model")),
                   original = Checkpoint::open(kTinyLlama);
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  const auto model = ModelConfig::parse(written.config(), "config.json");
  EXPECT_THAT(check_structure(written, model, config).problems, ::testing::IsEmpty());
  for (const auto& [module, error] : result.metrics.at("layer_errors").items()) {
    const auto a = load_linear(original, {}, module).dequantize(),
               b = load_linear(written, config, module).dequantize();
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
      norm += std::pow(static_cast<double>(a[i]), 2);
    }
    EXPECT_NEAR(error.get<double>(), std::sqrt(difference / norm), 1e-9) << module;
  }
}

TEST(QuantizeGptqStage, TellsHowItWentByLinearLayerAndPhase) {
  Runner runner;
  const auto result = small(runner).parameter("bits", 3).parameter("clip", "mse").run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto& metrics = result.metrics;
  for (const char* name : {"rounding_errors", "rounding_output_errors", "outlier_inputs", "largest_inputs",
                           "dead_scales", "clipped_weights"}) {
    EXPECT_EQ(metrics.at(name).size(), 28U) << name;
  }
  EXPECT_EQ(metrics.at("layer_output_errors").size(), 4U);
  for (const auto& [module, error] : metrics.at("layer_errors").items()) {
    EXPECT_GT(error, metrics.at("rounding_errors").at(module)) << module;  // rounding is best for the weights
    EXPECT_GT(metrics.at("rounding_output_errors").at(module), 0.0);
    EXPECT_GE(metrics.at("largest_inputs").at(module), 1.0);
    EXPECT_GT(metrics.at("clipped_weights").at(module), 0.0);
    EXPECT_LT(metrics.at("clipped_weights").at(module), 0.2);
  }
  double all = 0;
  for (const auto& [phase, seconds] : metrics.at("phase_seconds").items()) all += seconds.get<double>();
  for (const char* phase : {"passes", "products", "factorization", "rounding", "keeping", "writing"})
    EXPECT_GT(metrics.at("phase_seconds").at(phase), 0.0) << phase;
  EXPECT_GE(all, metrics.at("calibration_seconds"));
}

TEST(QuantizeGptqStage, WithRotationsItWritesTheSameFromWhateverADeadAttemptLeft) {
  Runner runner, broken;
  const auto whole = small(runner).parameter("rotate", "hadamard").run();
  ASSERT_TRUE(whole.ok()) << whole.message;
  const auto again = runner.run();  // with the rotated copy and all layers there
  EXPECT_EQ(again.metrics.at("resumed_layers"), 4);
  EXPECT_EQ(weights_of(whole.outputs.at("model")), weights_of(again.outputs.at("model")));
  const auto other = small(broken).parameter("rotate", "hadamard").parameter("rotate_seed", 1).run();
  EXPECT_NE(weights_of(whole.outputs.at("model")), weights_of(other.outputs.at("model")));
  const Checkpoint written = Checkpoint::open(whole.outputs.at("model"));
  EXPECT_EQ(written.tensor("model.embed_tokens.weight").dtype, DType::BF16);
  EXPECT_EQ(whole.metrics.at("original_bytes"), Checkpoint::open(kTinyLlama).file_bytes());
}

TEST(QuantizeGptqStage, RotationsThatCannotBeFoldedAreRefusedWhenItIsPlanned) {
  Runner runner;
  const auto plan = runner.input("model", kFixtures / "olmo2")
                        .parameter("group_size", 8)
                        .parameter("rotate", "hadamard")
                        .plan();
  EXPECT_EQ(plan.code, "unsupported");
  EXPECT_EQ(plan.where, "/rotate");
  EXPECT_THAT(plan.message, HasSubstr("norms behind attention or MLP"));
}

TEST(QuantizeGptqStage, ASecondAttemptTakesWhatTheFirstFinishedAndWritesTheSameBytes) {
  Runner runner, fresh;
  const auto first = small(runner).run();
  ASSERT_TRUE(first.ok()) << first.message;
  const auto second = runner.run();  // of the same scratch folder
  ASSERT_TRUE(second.ok()) << second.message;
  EXPECT_EQ(second.metrics.at("resumed_layers"), 4);
  const auto third = small(fresh).threads(1).run();
  EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(second.outputs.at("model")));
  EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(third.outputs.at("model")));
  EXPECT_EQ(first.metrics.at("layer_errors"), second.metrics.at("layer_errors"));
}

TEST(QuantizeGptqStage, WithoutATextItTakesTheBundledOneAndSaysSo) {
  Runner runner;
  const auto result = runner.input("model", kTinyLlama)
                          .parameter("group_size", 0)
                          .parameter("samples", 2)
                          .parameter("window", 16)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("calibration_bundled"), true);
  EXPECT_THAT(result.log, ::testing::Contains(HasSubstr("bundled text")));
  EXPECT_THAT(result.log, ::testing::Contains(HasSubstr("only 32 tokens")));
  const auto& warnings = result.metrics.at("calibration_warnings");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0].at("warning").get<std::string>(), HasSubstr("only 32 tokens"));
  EXPECT_EQ(warnings[0].at("warning_parts").at("with"), ::presswork::Json({"32"}));
}

TEST(QuantizeGptqStage, WarnsOfWindowsLongerThanTheModelWasMadeFor) {
  Runner runner;
  const auto result = small(runner).parameter("samples", 1).parameter("window", 513).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_THAT(result.log, ::testing::Contains(HasSubstr("longer than the 512 positions")));
}

TEST(QuantizeGptqStage, TakesOptionsTogether) {
  for (const int bits : {2, 3, 8}) {
    Runner runner;
    const auto result = small(runner)
                            .parameter("bits", bits)
                            .parameter("symmetric", false)
                            .parameter("actorder", true)
                            .parameter("true_sequential", true)
                            .parameter("clip", "mse")
                            .parameter("ignore", {"lm_head", "re:.*down_proj"})
                            .run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("quantized_tensors"), 24);
    const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
    EXPECT_EQ(written.tensor("model.layers.3.mlp.down_proj.weight").dtype, DType::BF16);
    const auto config = QuantizationConfig::parse(written.config(), "config.json");
    EXPECT_EQ(load_linear(written, config, "model.layers.0.mlp.up_proj").grouped_int()->bits, bits);
  }
}

TEST(QuantizeGptqStage, TheHeadIsRefusedBeforeAnythingIsDone) {
  Runner runner;
  const auto result = small(runner).parameter("ignore", ::presswork::Json::array()).run();
  EXPECT_EQ(result.code, "invalid_parameter");
  EXPECT_EQ(result.where, "/ignore");
  EXPECT_THAT(result.hint, HasSubstr("lm_head"));
}

TEST(QuantizeGptqStage, EstimatesWhatItNeedsAndStopsWhenCancelled) {
  Runner runner, cancelled;
  const auto plan = small(runner).plan();
  EXPECT_GT(plan.estimates.at("memory_bytes"), 0);
  EXPECT_GT(plan.estimates.at("disk_bytes"), 1'000'000);
  EXPECT_EQ(small(cancelled).cancel().run().status, PW_CANCELLED);
}

}  // namespace
}  // namespace presswork::modelkit
