#include <gmock/gmock.h>

#include "plugins/quantization/w8a8.cc"  // the stage is nowhere else
#include "small_job.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<QuantizeW8a8>;
namespace fs = std::filesystem;

double perplexity_of(const fs::path& model) {
  const Sampling sampling{.length = 64, .samples = 16};
  return evaluate_text(ModelSource::open(model), fs::path(PRESSWORK_SOURCE_DIR) / "examples/text/eval.txt",
                       sampling, 2, {})
      .result.perplexity;
}

TEST(QuantizeW8a8Stage, WritesIntQuantizedFoldersWhoseInputsAreQuantizedWhenTheyRun) {
  const double original = perplexity_of(kTinyLlama);
  for (const char* activations : {"dynamic", "static"}) {
    Runner runner;
    const auto result = small_job(runner).parameter("activations", activations).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("quantized_tensors"), 28);
    EXPECT_EQ(result.metrics.contains("clipped_inputs"), std::string(activations) == "static");
    const fs::path folder = result.outputs.at("model");
    const Checkpoint written = Checkpoint::open(folder);
    const auto config = QuantizationConfig::parse(written.config(), "config.json");
    const auto model = ModelConfig::parse(written.config(), "config.json");
    EXPECT_THAT(check_structure(written, model, config).problems, ::testing::IsEmpty());
    const std::string module = "model.layers.0.mlp.up_proj";
    EXPECT_EQ(config.scheme_for(module)->format, PackedFormat::IntQuantized);
    EXPECT_EQ(written.tensor(module + ".weight").dtype, DType::I8);
    EXPECT_EQ(written.find(module + ".input_scale") != nullptr, std::string(activations) == "static");
    const double quantized = perplexity_of(folder);
    EXPECT_LT(quantized, 1.02 * original);

    // Without the inputs' part of the config the same integers are multiplied with the inputs as they are.
    std::string text = testing::read_file(folder / "config.json");
    const std::size_t start = text.find("\"input_activations\": {"), end = text.find('}', start);
    ASSERT_NE(start, std::string::npos);
    text.replace(start, end + 1 - start, "\"input_activations\": null");
    const fs::path plain = folder.parent_path() / "plain";
    fs::copy(folder, plain, fs::copy_options::recursive);
    fs::remove(plain / "config.json");
    testing::write_file(plain / "config.json", text);
    EXPECT_NE(perplexity_of(plain), quantized);
  }
}

TEST(QuantizeW8a8Stage, StaticScalesAreSharedByLinearsWithTheSameInputs) {
  Runner runner;
  const auto result = small_job(runner)
                          .parameter("activations", "static")
                          .parameter("symmetric_activations", false)
                          .parameter("observer", "mse")
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  const std::string layer = "model.layers.1.self_attn.";
  const auto inputs = [&](const std::string& module) { return *load_linear(written, config, module).inputs; };
  EXPECT_EQ(inputs(layer + "q_proj").grid.scale, inputs(layer + "v_proj").grid.scale);
  EXPECT_EQ(inputs(layer + "q_proj").grid.zero, inputs(layer + "k_proj").grid.zero);
  EXPECT_NE(inputs(layer + "q_proj").grid.scale, inputs(layer + "o_proj").grid.scale);
  EXPECT_FALSE(inputs(layer + "q_proj").symmetric);
}

TEST(QuantizeW8a8Stage, ASecondAttemptTakesWhatTheFirstFinishedAndWritesTheSameBytes) {
  Runner runner, fresh;
  const auto first = small_job(runner).parameter("activations", "static").run(), second = runner.run();
  const auto third = small_job(fresh).parameter("activations", "static").threads(1).run();
  ASSERT_TRUE(first.ok() && second.ok() && third.ok()) << first.message;
  EXPECT_EQ(second.metrics.at("resumed_layers"), 4);
  EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(second.outputs.at("model")));
  EXPECT_EQ(weights_of(first.outputs.at("model")), weights_of(third.outputs.at("model")));
}

TEST(QuantizeW8a8Stage, AChosenAlphaIsTakenWhereverInputsCanBeScaled) {
  Runner chosen, plain;
  const auto some = small_job(chosen)
                        .parameter("smoothing", "alpha")
                        .parameter("alpha", 0.6)
                        .parameter("ignore", {"lm_head", "*.2.mlp.gate_proj"})
                        .run();
  ASSERT_TRUE(some.ok()) << some.message;
  EXPECT_EQ(some.metrics.at("quantized_tensors"), 27);
  EXPECT_EQ(some.metrics.at("alphas").size(), 26U);  // nor up_proj, which shares the inputs of what is kept
  EXPECT_EQ(some.metrics.at("alphas").at("model.layers.0.mlp.down_proj"), 0.6);
  const auto none = small_job(plain).parameter("smoothing", "none").run();
  ASSERT_TRUE(none.ok()) << none.message;
  EXPECT_FALSE(none.metrics.contains("alphas"));
  Runner zero;  // scales are 1 / max|w| then, not 1
  const auto weights_only = small_job(zero).parameter("smoothing", "alpha").parameter("alpha", 0).run();
  ASSERT_TRUE(weights_only.ok()) << weights_only.message;
  EXPECT_EQ(weights_only.metrics.at("alphas").size(), 28U);
  EXPECT_EQ(weights_only.metrics.at("alphas").at("model.layers.0.mlp.down_proj"), 0.0);
  EXPECT_EQ(none.metrics.at("mean_output_error"), none.metrics.at("mean_rounding_output_error"));
}

TEST(QuantizeW8a8Stage, AParameterThatNothingHeedsIsRefused) {
  const auto refusal = [](std::vector<std::pair<std::string, ::presswork::Json>> parameters, bool run) {
    Runner runner;
    small_job(runner);
    for (const auto& [name, value] : parameters) runner.parameter(name, value);
    return run ? runner.run() : runner.plan();
  };
  for (const bool run : {false, true}) {
    EXPECT_EQ(refusal({{"alpha", 0.6}}, run).where, "/alpha");
    EXPECT_EQ(refusal({{"observer", "mse"}}, run).where, "/observer");
    EXPECT_EQ(refusal({{"activations", "static"}, {"percentile", 99}}, run).where, "/percentile");
  }
  EXPECT_THAT(refusal({{"alpha", 0.6}}, false).hint, HasSubstr("set smoothing: alpha"));
  EXPECT_TRUE(refusal({{"alpha", 0.5}}, false).ok());  // the default, which cannot be told from none
  EXPECT_TRUE(
      refusal({{"activations", "static"}, {"observer", "percentile"}, {"percentile", 99}}, false).ok());
}

TEST(QuantizeW8a8Stage, TheHeadIsRefusedAndEstimatesAreMadeBeforeAnythingIsDone) {
  Runner runner, planned;
  const auto result = small_job(runner).parameter("ignore", ::presswork::Json::array()).run();
  EXPECT_EQ(result.code, "invalid_parameter");
  EXPECT_THAT(result.hint, HasSubstr("lm_head"));
  EXPECT_GT(small_job(planned).plan().estimates.at("memory_bytes"), 0);
}

}  // namespace
}  // namespace presswork::modelkit
