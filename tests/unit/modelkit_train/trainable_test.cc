#include "plugins/modelkit/train/trainable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "plugins/modelkit/model/model_source.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

ModelConfig model_of(const std::string& fixture) {
  return ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / fixture)
      .config();
}

// What require_trainable_layers() and ..._head() say; empty when they have nothing against the model.
std::string refusal(const std::string& fixture) {
  try {
    require_trainable_layers(model_of(fixture));
    require_trainable_head(model_of(fixture));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "unsupported");
    EXPECT_FALSE(error.hint.empty());
    return error.message;
  }
}

TEST(Trainable, ModelsOfLlamasShapeAre) {
  for (const char* fixture :
       {"llama", "llama3", "llama-bias", "llama-yarn", "mistral", "qwen2", "qwen2-window"})
    EXPECT_EQ(refusal(fixture), "") << fixture;
}

TEST(Trainable, OthersAreRefusedByTheFeatureThatHasNoBackward) {
  for (const auto& [fixture, feature] : {std::pair{"mixtral", "mixture of experts"},
                                         {"qwen3", "norms of queries and keys"},
                                         {"phi3", "fused q, k and v"},
                                         {"gpt-neox", "in parallel"},
                                         {"starcoder2", "LayerNorm"},
                                         {"gemma2", "norms behind a block"},
                                         {"arcee", "without a gate"},
                                         {"granite", "scale of what a block adds"}})
    EXPECT_THAT(refusal(fixture), testing::HasSubstr(feature)) << fixture;
}

}  // namespace
}  // namespace presswork::modelkit
