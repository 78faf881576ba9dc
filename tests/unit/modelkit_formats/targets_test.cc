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
  const auto all = select_targets(tiny(true), {});
  EXPECT_EQ(all.ignored, std::vector<std::string>{"lm_head"});
  EXPECT_THAT(all.report(), ::testing::Contains(::testing::AllOf(HasSubstr("lm_head"), HasSubstr("tied"))));
  EXPECT_THAT(select_targets(tiny(), {}).report(), ::testing::Not(::testing::Contains(HasSubstr("tied"))));
}

TEST(QuantizationTargets, ATiedHeadThatIsAskedForIsRefusedAsTied) {
  for (const char* pattern : {"lm_head", "*head"}) {
    const auto error = testing::error_of([&] { select_targets(tiny(true), {}, {"*mlp*", pattern}); });
    ASSERT_TRUE(error) << pattern;
    EXPECT_EQ(error->where, "/targets/1");
    EXPECT_THAT(error->what(), HasSubstr("tied"));
  }
  EXPECT_EQ(select_targets(tiny(true), {}, {"*"}).modules.size(), 14u);  // others are meant as well
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

TEST(QuantizationTargets, TheReportNamesASingleModuleAndTheLayersOfSome) {
  std::string config = testing::kTinyConfig;
  const std::string layers = "\"num_hidden_layers\": 2";
  ASSERT_NE(config.find(layers), std::string::npos);
  config.replace(config.find(layers), layers.size(), "\"num_hidden_layers\": 12");
  const ModelConfig model = ModelConfig::parse(config, "config.json");
  const auto quantizes = [&](const std::vector<std::string>& targets) {
    return select_targets(model, {"lm_head"}, targets).report().front();
  };
  EXPECT_EQ(quantizes({"model.layers.2.mlp.up_proj"}), "quantizes 1 module: model.layers.2.mlp.up_proj");
  EXPECT_EQ(quantizes({"re:.*layers\\.([0-2]|10|11|7)\\.mlp.up_proj", "*down_proj", "*.3.*k_proj"}),
            "quantizes 19 modules: model.layers.{0-2,7,10-11}.mlp.up_proj (6), "
            "model.layers.*.mlp.down_proj (12), model.layers.3.self_attn.k_proj");
}

TEST(QuantizationTargets, ExpertsOfOneLayerAreToldWithItsNumber) {
  const auto path = std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/mixtral/config.json";
  const ModelConfig model = ModelConfig::parse(testing::read_file(path), "config.json");
  EXPECT_EQ(select_targets(model, {"lm_head"}, {"*.1.*.w1"}).report().front(),
            "quantizes 3 modules: model.layers.1.block_sparse_moe.experts.*.w1 (3)");
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
