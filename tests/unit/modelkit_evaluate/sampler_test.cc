#include "plugins/modelkit/inference/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "plugins/modelkit/inference/generator.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

const std::vector<float> kLogits{1.0F, 3.0F, 2.0F, 3.0F, -1.0F};

// How often each token comes in 20,000 draws.
std::map<std::int32_t, double> shares(const SamplerOptions& options) {
  Random random(11);
  std::map<std::int32_t, double> counts;
  for (int i = 0; i < 20000; ++i) counts[next_token(kLogits, options, random)] += 1.0 / 20000.0;
  return counts;
}

TEST(Sampler, WithoutTemperatureTakesTheFirstOfTheMostLikely) {
  Random random(1);
  EXPECT_EQ(next_token(kLogits, {}, random), 1);
}

TEST(Sampler, DrawsFromTheSoftmaxAtTheTemperature) {
  const auto found = shares({.temperature = 0.5});
  double total = 0.0;
  for (const float logit : kLogits) total += std::exp(2.0 * logit);
  for (std::size_t i = 0; i < kLogits.size(); ++i) {
    const double expected = std::exp(2.0 * kLogits[i]) / total;
    const auto at = found.find(static_cast<std::int32_t>(i));
    // Five standard deviations of a binomial share.
    EXPECT_NEAR(at == found.end() ? 0.0 : at->second, expected,
                5.0 * std::sqrt(expected * (1.0 - expected) / 20000.0) + 1e-9);
  }
}

TEST(Sampler, TopKKeepsTheMostLikelyOnly) {
  EXPECT_THAT(shares({.temperature = 1.0, .top_k = 3}),
              testing::ElementsAre(testing::Key(1), testing::Key(2), testing::Key(3)));
  EXPECT_THAT(shares({.temperature = 5.0, .top_k = 1}), testing::ElementsAre(testing::Key(1)));
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  // Probabilities about 0.36, 0.36, 0.13, 0.05, 0.007 (of 1, 3, 2, 0, 4).
  EXPECT_THAT(shares({.temperature = 1.0, .top_p = 0.5}),
              testing::ElementsAre(testing::Key(1), testing::Key(3)));
  EXPECT_THAT(shares({.temperature = 1.0, .top_p = 1e-9}), testing::ElementsAre(testing::Key(1)));
  EXPECT_EQ(shares({.temperature = 3.0, .top_p = 1.0}).size(), 5U);
}

TEST(Sampler, ASeedGivesTheSameTokensAgain) {
  Random a(5), b(5), c(6);
  std::vector<std::int32_t> first, second, third;
  for (int i = 0; i < 50; ++i) {
    first.push_back(next_token(kLogits, {.temperature = 2.0}, a));
    second.push_back(next_token(kLogits, {.temperature = 2.0}, b));
    third.push_back(next_token(kLogits, {.temperature = 2.0}, c));
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
}

TEST(Sampler, RefusesNan) {
  Random random(1);
  const std::vector<float> logits{0.0F, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THROW(next_token(logits, {}, random), Error);
}

TEST(RepeatedShare, CountsFourGramsThatCameBefore) {
  EXPECT_EQ(repeated_share(std::vector<std::int32_t>{1, 2, 3}), 0.0);
  EXPECT_EQ(repeated_share(std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}), 0.0);
  EXPECT_DOUBLE_EQ(repeated_share(std::vector<std::int32_t>(20, 7)), 1.0 - 1.0 / 17.0);
  EXPECT_DOUBLE_EQ(repeated_share(std::vector<std::int32_t>{1, 2, 1, 2, 1, 2, 1}), 0.5);
}

}  // namespace
}  // namespace presswork::modelkit
