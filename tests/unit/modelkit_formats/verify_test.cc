#include "plugins/modelkit/checkpoint/verify.h"

#include <gmock/gmock.h>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Verify : public ::testing::Test {
 protected:
  StructureReport check(const std::string& config,
                        const std::function<void(std::vector<TensorPlan>&)>& change = {}) {
    const auto path = folder_.path() / std::to_string(count_++);
    testing::write_tiny_model(path, config, change);
    const Checkpoint checkpoint = Checkpoint::open(path);
    return check_structure(checkpoint, ModelConfig::parse(config, "c"),
                           QuantizationConfig::parse(config, "c"));
  }
  testing::TemporaryFolder folder_;
  int count_ = 0;
};

TEST_F(Verify, ACompleteModelHasNoProblems) {
  const auto report = check(testing::kTinyConfig);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.unexpected, IsEmpty());
  // embedding and head 2 * 32*16; each layer q 256, k 128, v 128, o 256, three of 512, two norms of 16; last
  // norm 16.
  EXPECT_EQ(report.parameters, 1024 + 2 * (768 + 1536 + 32) + 16);
}

TEST_F(Verify, EveryMissingAndMisshapenTensorIsNamed) {
  const auto report = check(testing::kTinyConfig, [](std::vector<TensorPlan>& plan) {
    plan[0].shape = {33, 16};
    plan[1].dtype = DType::I32;
    plan.pop_back();
    plan.push_back({"extra.weight", DType::F32, {1}});
  });
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("model.embed_tokens.weight is BF16 [33, 16], expected"),
                                           HasSubstr("model.layers.0.self_attn.q_proj.weight is I32"),
                                           HasSubstr("lm_head.weight is missing")));
  EXPECT_THAT(report.unexpected, ElementsAre("extra.weight"));
}

TEST_F(Verify, BiasesAndTiedHeadsAreExpectedAsTheConfigSays) {
  std::string config = testing::kTinyConfig;
  config.insert(1, "\"tie_word_embeddings\": true, \"attention_bias\": true,");
  std::vector<std::string> names;
  EXPECT_THAT(check(config,
                    [&](auto& plan) {
                      for (auto& tensor : plan) names.push_back(tensor.name);
                    })
                  .problems,
              IsEmpty());
  EXPECT_THAT(names, ::testing::Contains("model.layers.1.self_attn.o_proj.bias"));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("lm_head.weight")));
  // A checkpoint that repeats the tied head is fine too.
  const auto repeated = check(config, [](auto& plan) {
    plan.push_back({"lm_head.weight", DType::BF16, {32, 16}});
  });
  EXPECT_THAT(repeated.unexpected, IsEmpty());
  // So is one that has the table under the head's name only.
  const auto renamed = check(config, [](auto& plan) { plan[0].name = "lm_head.weight"; });
  EXPECT_THAT(renamed.problems, IsEmpty());
  EXPECT_THAT(renamed.unexpected, IsEmpty());
}

TEST_F(Verify, TheFirstNanIsNamed) {
  const auto path = folder_.path() / "nan";
  testing::write_tiny_model(path);
  std::string content = testing::read_file(path / "model.safetensors");
  content.replace(content.size() - 2, 2, "\xc0\x7f");  // the last bf16 of the last tensor
  testing::write_file(path / "model.safetensors", content);
  const Checkpoint checkpoint = Checkpoint::open(path);
  ThreadPool threads(2);
  const auto error = testing::error_of([&] { check_finite(checkpoint, threads, [](std::uint64_t) {}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "not_finite");
  EXPECT_THAT(error->message, HasSubstr("element 511 of lm_head.weight"));
}

TEST_F(Verify, AFiniteModelIsReadToItsEnd) {
  const auto path = folder_.path() / "fine";
  testing::write_tiny_model(path);
  const Checkpoint checkpoint = Checkpoint::open(path);
  ThreadPool threads(2);
  std::uint64_t last = 0;
  check_finite(checkpoint, threads, [&](std::uint64_t done) { last = done; });
  EXPECT_EQ(last, checkpoint.total_bytes());
}

}  // namespace
}  // namespace presswork::modelkit
