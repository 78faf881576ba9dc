#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "golden.h"
#include "plugins/evaluation/generate.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

namespace presswork {
namespace {

using Runner = testing::StageRunner<EvaluateGenerate>;

std::vector<Json> lines_of(const std::filesystem::path& path) {
  std::vector<Json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

class Prompts : public ::testing::Test {
 protected:
  Prompts()
      : folder_(std::filesystem::temp_directory_path() /
                ("presswork-prompts-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Prompts() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name) << content;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST(GenerateStage, ContinuesTheGuidesPromptGreedilyAsTransformersDoes) {
  Runner runner;
  const auto result = runner.input("model", kModel).parameter("max_new_tokens", 24).threads(2).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto expected = golden()["greedy"][0];
  EXPECT_EQ(result.metrics.at("ok"), true);
  EXPECT_EQ(result.metrics.at("continuation"), expected["text"]);
  EXPECT_EQ(result.metrics.at("tokens"), 24);
  const auto lines = lines_of(result.outputs.at("text"));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["prompt"], "人工智能的未來發展");
  EXPECT_EQ(lines[0]["text"], expected["text"]);
}

TEST(GenerateStage, DrawsTheSameTextForTheSameSeed) {
  const auto text = [](std::uint64_t run_seed, Json seed) {
    Runner runner;
    return runner.input("model", kModel)
        .parameter("temperature", 1.0)
        .parameter("top_k", 40)
        .parameter("seed", seed)
        .seed(run_seed)
        .run()
        .metrics.at("continuation")
        .get<std::string>();
  };
  EXPECT_EQ(text(1, 7), text(2, 7));
  EXPECT_EQ(text(7, nullptr), text(2, 7));
  EXPECT_NE(text(1, 7), text(1, 8));
}

TEST_F(Prompts, ComeFromLinesOrFromJsonLines) {
  const auto plain = write("prompts.txt", "The history of the\r\n\nIn the beginning\n");
  const auto json =
      write("prompts.jsonl", "{\"text\":\"The history of the\"}\n{\"text\":\"In the beginning\"}\n");
  for (const auto& file : {plain, json}) {
    Runner runner;
    const auto result =
        runner.input("model", kModel).input("prompts", file).parameter("max_new_tokens", 24).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("prompts"), 2);
    const auto lines = lines_of(result.outputs.at("text"));
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["text"], golden()["greedy"][1]["text"]);
    EXPECT_EQ(lines[1]["text"], golden()["greedy"][2]["text"]);
  }
}

TEST(GenerateStage, IsNotOkWhenAContinuationRepeatsItself) {
  Runner runner;
  const auto result = runner.input("model", kModel)
                          .parameter("prompt", "The history of the")
                          .parameter("max_new_tokens", 24)
                          .parameter("max_repetition", 0.1)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("ok"), false);
  EXPECT_THAT(result.metrics.at("problem").get<std::string>(), ::testing::HasSubstr("repeats itself"));
}

// A copy of the shipped model in which a tensor's values are all `value` (bf16).
class Spoilt {
 public:
  Spoilt(const std::string& tensor, std::uint16_t value) {
    const modelkit::SafetensorsFile file(kModel / "model.safetensors");
    const auto all = file.file().bytes();
    const auto part = file.find(tensor)->bytes;
    std::string bytes(reinterpret_cast<const char*>(all.data()), all.size());
    for (std::size_t i = 0; i < part.size(); i += 2) {
      std::memcpy(bytes.data() + (part.data() - all.data()) + i, &value, 2);
    }
    std::ofstream(copy_.folder() / "model.safetensors", std::ios::binary) << bytes;
  }
  const std::filesystem::path& folder() const { return copy_.folder(); }

 private:
  ChangedModel copy_;
};

TEST(GenerateStage, IsNotOkAndNamesThePlaceWhenNanAppears) {
  const Spoilt model("model.layers.2.mlp.up_proj.weight", 0x7FC0);
  Runner runner;
  const auto result = runner.input("model", model.folder()).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("ok"), false);
  EXPECT_EQ(result.metrics.at("finite"), false);
  EXPECT_THAT(result.metrics.at("problem").get<std::string>(), ::testing::HasSubstr("layers.2.mlp.up_proj"));
}

TEST(GenerateStage, IsNotOkWhenNothingComes) {
  // With a head of zeros all logits are equal, and the first entry of the vocabulary is a special token.
  const Spoilt model("lm_head.weight", 0);
  Runner runner;
  const auto result = runner.input("model", model.folder()).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("ok"), false);
  EXPECT_EQ(result.metrics.at("empty"), 1);
}

TEST(GenerateStage, EndsWhenCancelled) {
  Runner runner;
  EXPECT_EQ(runner.input("model", kModel).cancel().run().status, PW_CANCELLED);
}

}  // namespace
}  // namespace presswork
