#include "plugins/deployment/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

const fs::path kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";

std::string content(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class BundleTest : public ::testing::Test {
 protected:
  fs::path file(const std::string& name, const std::string& text) {
    const fs::path path = presswork::testing::process_folder() / name;
    std::ofstream(path) << text;
    return path;
  }
  testing::StageRunner<DeployBundle> runner;
};

TEST_F(BundleTest, HoldsTheModelByteForByteAndTheDigestOfEveryFile) {
  const auto result = runner.input("model", kTiny).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const fs::path bundle = result.outputs.at("bundle");
  EXPECT_EQ(content(bundle / "model/model.safetensors"), content(kTiny / "model.safetensors"));
  EXPECT_EQ(content(bundle / "model/config.json"), content(kTiny / "config.json"));
  // The tool that users check with is the oracle.
  EXPECT_EQ(std::system(("cd '" + bundle.string() + "' && sha256sum --strict --quiet -c SHA256SUMS").c_str()),
            0);
  std::size_t listed = 0, files = 0;
  const std::string sums = content(bundle / "SHA256SUMS");
  listed = static_cast<std::size_t>(std::count(sums.begin(), sums.end(), '\n'));
  for (const auto& entry : fs::recursive_directory_iterator(bundle)) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(listed + 1, files);
  EXPECT_EQ(result.metrics.at("files"), files);
}

TEST_F(BundleTest, HasACardInHuggingFacesForm) {
  runner.input("model", kTiny).parameter("name", "small one").parameter("base_model", "org/big: \"one\"");
  const auto result = runner.parameter("license", "apache-2.0").run();
  ASSERT_TRUE(result.ok()) << result.message;
  const std::string card = content(result.outputs.at("bundle") / "model/README.md");
  EXPECT_THAT(card, StartsWith("---\nlicense: \"apache-2.0\"\nbase_model: \"org/big: \\\"one\\\"\"\n"));
  EXPECT_THAT(card, HasSubstr("\n---\n\n# small one\n"));
  EXPECT_THAT(card, HasSubstr("Nothing was tested"));
}

TEST_F(BundleTest, CarriesTheEvidence) {
  runner.input("model", kTiny);
  runner.input(
      "test",
      file(
          "test.json",
          R"({"items": [{"id": "accuracy", "title": "It is | accurate", "state": "pass", "why": "1 % more"}]})"));
  runner.input("strategy",
               file("strategy.json", R"({"recommended": "gptq-int4-g32", "why": "best", "candidates":
      [{"id": "gptq-int4-g32", "compression_methods": [{"type": "quantization", "method": "gptq"}]}]})"));
  const auto result = runner.run();
  ASSERT_TRUE(result.ok()) << result.message;
  const fs::path bundle = result.outputs.at("bundle");
  const std::string card = content(bundle / "model/README.md");
  EXPECT_THAT(card, HasSubstr("| It is   accurate | pass | 1 % more |"));
  EXPECT_THAT(card, HasSubstr("gptq-int4-g32"));
  EXPECT_THAT(content(bundle / "MONITORING.md"), HasSubstr("1 % more"));
  EXPECT_THAT(content(bundle / "ROLLBACK.md"), HasSubstr("presswork rollback"));
  EXPECT_TRUE(fs::exists(bundle / "deployment-test.json"));
  EXPECT_EQ(Json::parse(content(bundle / "bundle.json")).at("health_check").at("prompt"),
            "人工智能的未來發展");
}

}  // namespace
}  // namespace presswork
