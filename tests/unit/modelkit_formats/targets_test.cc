#include "plugins/modelkit/quantize/targets.h"

#include <gmock/gmock.h>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;

ModelConfig tiny(bool tied = false) {
  std::string config = testing::kTinyConfig;
  if (tied) config.insert(1, "\"tie_word_embeddings\": true,");
  return ModelConfig::parse(config, "config.json");
}

TEST(QuantizationTargets, TheDecodersLinearsInOrderWithoutTheHead) {
  const auto targets = select_targets(tiny(), {"lm_head"});
  ASSERT_EQ(targets.modules.size(), 14u);
  EXPECT_EQ(targets.modules.front().module, "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(targets.modules.back().module, "model.layers.1.mlp.down_proj");
  EXPECT_EQ(targets.modules.back().in, 32);
  EXPECT_EQ(targets.ignored, std::vector<std::string>{"lm_head"});
}

TEST(QuantizationTargets, TheHeadIsTakenWhenNothingKeepsIt) {
  EXPECT_EQ(select_targets(tiny(), {}).modules.back().module, "lm_head");
}

TEST(QuantizationTargets, ATiedHeadStaysAndMayBeNamed) {
  const auto targets = select_targets(tiny(true), {"lm_head"});
  EXPECT_EQ(targets.modules.size(), 14u);
  EXPECT_EQ(targets.ignored, std::vector<std::string>{"lm_head"});
  EXPECT_EQ(select_targets(tiny(true), {}).ignored, std::vector<std::string>{"lm_head"});
}

TEST(QuantizationTargets, PatternsOfAllKindsTakeModulesOut) {
  EXPECT_EQ(select_targets(tiny(), {"lm_head", "*down_proj"}).modules.size(), 12u);
  EXPECT_EQ(select_targets(tiny(), {"lm_head", "re:model\\.layers\\.0\\."}).modules.size(), 7u);
  EXPECT_EQ(select_targets(tiny(), {"lm_head", "model.embed_tokens"}).modules.size(), 14u);
}

TEST(QuantizationTargets, ExpertsAreTakenAndTheirRouterIsKept) {
  const auto path = std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/mixtral/config.json";
  const ModelConfig model = ModelConfig::parse(testing::read_file(path), "config.json");
  const auto targets = select_targets(model, {"lm_head", "re:.*w2$"});
  ASSERT_EQ(targets.modules.size(), 2u * (4 + 3 * 2));
  EXPECT_EQ(targets.modules[4].module, "model.layers.0.block_sparse_moe.experts.0.w1");
  EXPECT_THAT(targets.ignored, ::testing::Contains("model.layers.1.block_sparse_moe.gate"));
  EXPECT_NO_THROW(select_targets(model, {"*.gate"}));
}

TEST(QuantizationTargets, APatternThatMatchesNothingIsAnError) {
  const auto error = testing::error_of([] { select_targets(tiny(), {"lm_head", "*qkv*"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where, "/ignore/1");
  EXPECT_THAT(error->hint, HasSubstr("model.layers.0.self_attn.q_proj"));
}

}  // namespace
}  // namespace presswork::modelkit
