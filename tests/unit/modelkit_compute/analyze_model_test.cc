#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "plugins/analysis/model.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

namespace presswork {
namespace {

using Runner = testing::StageRunner<AnalyzeModel>;

const std::filesystem::path kSource = PRESSWORK_SOURCE_DIR;
const auto kModel = kSource / "examples/models/tiny-llama", kText = kSource / "examples/text/eval.txt";

std::string content(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(AnalyzeModelStage, CountsParametersAndGivesTheGuidesMemory) {
  Runner runner;
  const auto result =
      runner.input("model", kModel).parameter("batch_size", 2).parameter("seq_len", 100).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const double parameters = 1787008.0;
  EXPECT_EQ(result.metrics.at("parameters"), parameters);
  EXPECT_EQ(result.metrics.at("bytes"), 2 * parameters);
  EXPECT_EQ(result.metrics.at("precision"), "bf16");
  // P·2 + 10 %, keys and values of 4 layers with 4 heads of 32, one activation: SPEC.md, section 2.
  const double bytes = 1.1 * parameters * 2 + 2.0 * 4 * 2 * 4 * 100 * 32 * 2 + 2.0 * 100 * 128 * 2;
  EXPECT_NEAR(result.metrics.at("inference_memory_gb").get<double>(), bytes / (1 << 30), 1e-12);
  // The model has two key/value heads.
  const double refined = bytes - 2.0 * 4 * 2 * 2 * 100 * 32 * 2;
  EXPECT_NEAR(result.metrics.at("inference_memory_refined_gb").get<double>(), refined / (1 << 30), 1e-12);
  EXPECT_EQ(result.metrics.count("perplexity"), 0U);
}

TEST(AnalyzeModelStage, WithATextRunsTheModelAndWritesTheSameArtifactEachTime) {
  Runner one, two;
  const auto a = one.input("model", kModel).input("text", kText).parameter("window", 256).threads(1).run();
  const auto b = two.input("model", kModel).input("text", kText).parameter("window", 256).threads(2).run();
  ASSERT_TRUE(a.ok() && b.ok()) << a.message << b.message;
  EXPECT_NEAR(a.metrics.at("perplexity").get<double>(), 33.14065056, 2e-4);  // perplexity_test.cc
  EXPECT_GT(a.metrics.at("peak_memory_bytes").get<double>(), 0.0);
  const std::string text = content(a.outputs.at("analysis"));
  EXPECT_EQ(text, content(b.outputs.at("analysis")));
  const Json analysis = Json::parse(text);
  EXPECT_EQ(analysis.at("parameters_by_layer").size(), 4U);
  EXPECT_EQ(analysis.at("evaluation").at("windows"), 57);
}

TEST(AnalyzeModelStage, RefusesAFolderWithoutAModel) {
  Runner runner;
  const auto result = runner.input("model", kSource / "examples/text").run();
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(result.message.empty());
}

}  // namespace
}  // namespace presswork
