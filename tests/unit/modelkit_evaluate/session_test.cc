#include <gtest/gtest.h>

#include <cmath>

#include "golden.h"
#include "plugins/modelkit/inference/generator.h"
#include "plugins/modelkit/inference/inference_model.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

class ASession : public testing::Test {
 protected:
  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  ModelSource source_ = ModelSource::open(kModel);
  InferenceModel model_{*compute_, source_};
  Tokenizer tokenizer_ = Tokenizer::open(kModel);
};

TEST_F(ASession, ContinuesPromptsAsTransformersDoes) {
  const auto expectations = golden();
  for (const auto& expected : expectations["greedy"]) {
    const Generation got =
        generate(model_, tokenizer_, expected["prompt"].get<std::string>(), {.max_new_tokens = 24});
    EXPECT_EQ(got.ids, expected["ids"].get<std::vector<std::int32_t>>());
    EXPECT_EQ(got.text, expected["text"].get<std::string>());
    EXPECT_TRUE(got.finite);
    EXPECT_FALSE(got.empty());
  }
}

TEST_F(ASession, GivesTheSameLogitsHoweverItsTokensArrive) {
  std::vector<std::int32_t> ids(60);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 31 % 4000);
  Session whole(model_, 60), parts(model_, 64);
  const auto at_once = whole.append(ids);
  const std::vector<float> expected(at_once.begin(), at_once.end());
  parts.append(std::span(ids).first(17));
  for (std::size_t i = 17; i < 40; ++i) parts.append(std::span(ids).subspan(i, 1));
  const auto got = parts.append(std::span(ids).subspan(40));
  EXPECT_EQ(parts.length(), 60U);
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-4);
  parts.clear();
  const auto again = parts.append(ids);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), expected.begin()));
}

TEST_F(ASession, RefusesMoreTokensThanItHasRoomFor) {
  Session session(model_, 4);
  session.append(std::vector<std::int32_t>{1, 2, 3});
  EXPECT_THROW(session.append(std::vector<std::int32_t>{1, 2}), Error);
  EXPECT_NO_THROW(session.append(std::vector<std::int32_t>{1}));
}

}  // namespace
}  // namespace presswork::modelkit
