#include "plugins/modelkit/checkpoint/module_pattern.h"

#include "support.h"

namespace presswork::modelkit {
namespace {

bool matches(const char* pattern, const char* module) { return ModulePattern(pattern).matches(module); }

TEST(ModulePattern, AnExactNameMatchesItselfOnly) {
  EXPECT_TRUE(matches("lm_head", "lm_head"));
  EXPECT_FALSE(matches("lm_head", "lm_heads"));
  EXPECT_FALSE(matches("head", "lm_head"));
}

TEST(ModulePattern, AGlobSpansDots) {
  EXPECT_TRUE(matches("model.layers.0.*", "model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(matches("model.layers.0.*", "model.layers.10.mlp.up_proj"));
  EXPECT_TRUE(matches("*down_proj", "model.layers.3.mlp.down_proj"));
  EXPECT_TRUE(matches("*.?.mlp.*", "model.layers.3.mlp.down_proj"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches("?", ""));
}

TEST(ModulePattern, ARegexMatchesFromTheStart) {
  EXPECT_TRUE(matches("re:.*(q|k)_proj", "model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(matches("re:model", "model.layers.0"));
  EXPECT_FALSE(matches("re:layers", "model.layers.0"));
}

TEST(ModulePattern, ARegexThatDoesNotCompileIsNamed) {
  const auto error = testing::error_of([] { ModulePattern pattern("re:(", "/ignore/0"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "invalid_parameter");
  EXPECT_EQ(error->where, "/ignore/0");
}

TEST(ModulePattern, APatternMadeToExplodeEndsSoon) {
  EXPECT_FALSE(matches("re:(a+)+$", (std::string(60, 'a') + "!").c_str()));
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a').c_str()));
}

}  // namespace
}  // namespace presswork::modelkit
