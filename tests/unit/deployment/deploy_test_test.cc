#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "plugins/deployment/test.h"
#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";
const fs::path kText = PRESSWORK_SOURCE_DIR "/examples/text/eval.txt";

class DeployTestStage : public ::testing::Test {
 protected:
  DeployTestStage() {
    runner.parameter("window", 64).parameter("samples", 4).parameter("repeats", 1);
    runner.parameter("prompt_tokens", 8).parameter("new_tokens", 4).parameter("stability_tokens", 128);
  }
  std::map<std::string, std::string> states(const testing::Result& result) {
    std::map<std::string, std::string> found;
    const Json test = Json::parse(std::ifstream(result.outputs.at("test")));
    for (const Json& item : test.at("items")) found[item.at("id")] = item.at("state");
    return found;
  }
  // A copy whose first layer's o_proj is `value` throughout. Its bytes are put in place: no writer of ours
  // takes NaN.
  fs::path with_weights(float value) {
    using namespace modelkit;
    const fs::path folder = presswork::testing::process_folder() / "damaged";
    fs::remove_all(folder);
    fs::copy(kTiny, folder);
    const Checkpoint source = Checkpoint::open(kTiny);
    const TensorView& tensor = source.tensor("model.layers.0.self_attn.o_proj.weight");
    std::string damaged(tensor.bytes.size(), '\0');
    const std::vector<float> values(static_cast<std::size_t>(tensor.elements()), value);
    from_float(tensor.dtype, values.data(), values.size(), reinterpret_cast<std::byte*>(damaged.data()));
    const std::string sound(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    std::stringstream file;
    file << std::ifstream(folder / "model.safetensors", std::ios::binary).rdbuf();
    std::string all = file.str();
    all.replace(all.find(sound), sound.size(), damaged);
    std::ofstream(folder / "model.safetensors", std::ios::binary) << all;
    return folder;
  }
  testing::StageRunner<DeployTest> runner;
};

TEST_F(DeployTestStage, PassesASoundModelAndRunsWhatItHasLimitsFor) {
  runner.input("model", kTiny).input("baseline", kTiny).input("text", kText);
  runner.parameter("max_loss_percent", 0.001).parameter("memory_gb", 1).parameter("tokens_per_s", 0.01);
  const auto result = runner.run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("passed"), true) << result.metrics.at("problems");
  EXPECT_NEAR(result.metrics.at("loss_percent"), 0, 1e-9);
  const auto found = states(result);
  for (const char* id : {"loads", "basic_inference", "edge_cases", "error_handling", "stability",
                         "decode_speed", "memory", "accuracy"}) {
    EXPECT_EQ(found.at(id), "pass") << id;
  }
  EXPECT_EQ(found.at("speedup"), "not_run") << "no limit is given";
}

TEST_F(DeployTestStage, FailsByEachLimitThatIsMissed) {
  runner.input("model", kTiny).input("baseline", kTiny).input("text", kText);
  runner.parameter("max_loss_percent", -1).parameter("memory_gb", 0.0001).parameter("tokens_per_s", 1e9);
  runner.parameter("min_speedup", 1000);
  const auto result = runner.run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("passed"), false);
  EXPECT_EQ(result.metrics.at("items_failed"), 4);
  const auto found = states(result);
  for (const char* id : {"decode_speed", "speedup", "memory", "accuracy"})
    EXPECT_EQ(found.at(id), "fail") << id;
}

TEST_F(DeployTestStage, FailsAModelThatDoesNotLoadAndTriesNothingElse) {
  const auto result = runner.input("model", with_weights(std::numeric_limits<float>::quiet_NaN())).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("passed"), false);
  EXPECT_THAT(result.metrics.at("problems").get<std::string>(), HasSubstr("NaN"));
  EXPECT_EQ(states(result).size(), 1u);
}

TEST_F(DeployTestStage, FailsAModelThatDoesNotCompareWithItsBaseline) {
  runner.input("model", with_weights(0.05F)).input("baseline", kTiny).input("text", kText);
  const auto result = runner.parameter("max_loss_percent", 5).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(states(result).at("accuracy"), "fail");
  EXPECT_GT(result.metrics.at("loss_percent"), 5);
}

}  // namespace
}  // namespace presswork
