#include <gmock/gmock.h>

#include "plugins/model/load.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"
#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<ModelLoad>;
namespace fs = std::filesystem;

TEST(ModelLoadStage, ReferencesTheModelWhereItLies) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  Runner runner;
  const auto result = runner.parameter("path", folder.path().string()).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.outputs.at("model"), folder.path());
  EXPECT_EQ(result.references, std::vector<std::string>{"model"});
  EXPECT_EQ(result.metrics.at("parameters"), 5712);
  EXPECT_EQ(result.metrics.at("bytes"), fs::file_size(folder.path() / "model.safetensors"));
  EXPECT_EQ(result.metrics.at("tensors"), 21);
  EXPECT_EQ(result.metrics.at("architecture"), "LlamaForCausalLM");
}

TEST(ModelLoadStage, NamesEveryMissingTensor) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path(), testing::kTinyConfig,
                            [](auto& plan) { plan.resize(plan.size() - 2); });
  Runner runner;
  const auto result = runner.parameter("path", folder.path().string()).run();
  EXPECT_EQ(result.code, "corrupt_file");
  EXPECT_THAT(result.message, HasSubstr("model.norm.weight is missing; lm_head.weight is missing"));
}

TEST(ModelLoadStage, WarnsOfTensorsThatNothingUses) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path(), testing::kTinyConfig, [](auto& plan) {
    plan.push_back({"vision.weight", DType::F32, {2}});
  });
  Runner runner;
  const auto result = runner.parameter("path", folder.path().string()).run();
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(result.log, ::testing::Contains(HasSubstr("vision.weight")));
  EXPECT_EQ(result.metrics.at("unexpected_tensors"), 1);
}

TEST(ModelLoadStage, WarnsWhenThereIsNoTokenizer) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  Runner runner;
  runner.parameter("path", folder.path().string());
  EXPECT_THAT(runner.run().log, ::testing::Contains(HasSubstr("no tokenizer.json")));
  testing::write_file(folder.path() / "tokenizer.json", "{}");
  EXPECT_THAT(runner.run().log, ::testing::Not(::testing::Contains(HasSubstr("no tokenizer.json"))));
}

TEST(ModelLoadStage, ANanFailsUnlessItWasNotToBeLookedFor) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  std::string content = testing::read_file(folder.path() / "model.safetensors");
  content.replace(content.size() - 2, 2, "\xc0\x7f");
  testing::write_file(folder.path() / "model.safetensors", content);
  Runner runner;
  runner.parameter("path", folder.path().string());
  EXPECT_EQ(runner.run().code, "not_finite");
  EXPECT_TRUE(runner.parameter("verify_finite", false).run().ok());
}

TEST(ModelLoadStage, StopsWhenCancelled) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  Runner runner;
  EXPECT_EQ(runner.parameter("path", folder.path().string()).cancel().run().status, PW_CANCELLED);
}

}  // namespace
}  // namespace presswork::modelkit
