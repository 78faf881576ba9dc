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

TEST(QuantizationTargets, OnlyWhatATargetMatchesIsTakenAndIgnoreGoesBefore) {
  const auto names = [](const QuantizationTargets& targets) {
    std::vector<std::string> result;
    for (const LinearSite& site : targets.modules) result.push_back(site.module);
    return result;
  };
  EXPECT_THAT(names(select_targets(tiny(), {"lm_head"}, {"model.layers.0.mlp.up_proj", "*.1.*.down_proj"})),
              ::testing::ElementsAre("model.layers.0.mlp.up_proj", "model.layers.1.mlp.down_proj"));
  EXPECT_THAT(names(select_targets(tiny(), {}, {"lm_head"})), ::testing::ElementsAre("lm_head"));
  const auto attention = select_targets(tiny(), {"lm_head", "re:.*o_proj"}, {"re:.*self_attn"});
  EXPECT_EQ(attention.modules.size(), 6u);
  EXPECT_EQ(attention.ignored.size(), 9u);  // o, gate, up, down of both layers, and the head
}

TEST(QuantizationTargets, TheReportSaysWhatEachPatternMatches) {
  const auto report = select_targets(tiny(), {"lm_head", "*down_proj"}, {"*mlp*", "*q_proj"}).report();
  EXPECT_THAT(report, ::testing::ElementsAre(
                          "quantizes 6 modules: model.layers.*.self_attn.q_proj (2), "
                          "model.layers.*.mlp.gate_proj (2), model.layers.*.mlp.up_proj (2)",
                          ::testing::AllOf(HasSubstr("embeddings and norms"), HasSubstr("9 modules"),
                                           HasSubstr("lm_head")),
                          "targets \"*mlp*\" matches 6 modules", "targets \"*q_proj\" matches 2 modules",
                          "ignore \"lm_head\" matches 1 module", "ignore \"*down_proj\" matches 2 modules"));
}

TEST(QuantizationTargets, TheHeadIsKeptByItsUsualNameWhateverItIsCalled) {
  const auto path = std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/gpt-neox/config.json";
  const ModelConfig model = ModelConfig::parse(testing::read_file(path), "config.json");
  EXPECT_THAT(select_targets(model, {"lm_head"}).ignored, ::testing::Contains("embed_out"));
}

TEST(QuantizationTargets, ATargetThatMatchesNothingToQuantizeIsAnError) {
  for (const char* pattern : {"*qkv*", "model.embed_tokens", "re:layers"}) {
    const auto error = testing::error_of([&] { select_targets(tiny(), {}, {"*", pattern}); });
    ASSERT_TRUE(error) << pattern;
    EXPECT_EQ(error->where, "/targets/1");
  }
}

TEST(QuantizationTargets, APatternThatMatchesNothingIsAnError) {
  const auto error = testing::error_of([] { select_targets(tiny(), {"lm_head", "*qkv*"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where, "/ignore/1");
  EXPECT_THAT(error->hint, HasSubstr("model.layers.0.self_attn.q_proj"));
}

}  // namespace
}  // namespace presswork::modelkit
