#include "plugins/modelkit/model/routing.h"

#include <gmock/gmock.h>

#include <cmath>

namespace presswork::modelkit {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;

Experts four(std::int64_t chosen) {
  Experts experts;
  experts.count = 4;
  experts.chosen = chosen;
  return experts;
}

TEST(Routing, ChosenScoresAreASoftmaxOverTheChosenWhenNormalized) {
  const std::vector<float> logits{1, 3, 2, 0, 0, 0, 5, 4};
  const auto loads = route(logits, four(2));
  const float more = 1.0F / (1.0F + std::exp(-1.0F));
  EXPECT_THAT(loads[0].rows, IsEmpty());
  EXPECT_THAT(loads[1].rows, ElementsAre(0U));
  EXPECT_THAT(loads[2].rows, ElementsAre(0U, 1U));
  EXPECT_THAT(loads[3].rows, ElementsAre(1U));
  EXPECT_THAT(loads[1].weights, ElementsAre(FloatNear(more, 1e-6F)));
  EXPECT_THAT(loads[2].weights, ElementsAre(FloatNear(1 - more, 1e-6F), FloatNear(more, 1e-6F)));
}

TEST(Routing, EqualScoresGoToTheFirstExperts) {
  const auto loads = route(std::vector<float>{2, 2, 2, 2}, four(2));
  EXPECT_THAT(loads[0].rows, ElementsAre(0U));
  EXPECT_THAT(loads[1].rows, ElementsAre(0U));
}

TEST(Routing, WithoutNormalizingTheWeightsAreSharesOfAll) {
  Experts experts = four(1);
  experts.normalized = false;
  experts.scale = 3.0;
  const auto loads = route(std::vector<float>{0, 0, 0, 0}, experts);
  EXPECT_THAT(loads[0].weights, ElementsAre(FloatNear(0.75F, 1e-6F)));
}

TEST(Routing, ABiasMovesTheChoiceButNotTheWeights) {
  Experts experts = four(1);
  experts.sigmoid = true;
  experts.normalized = false;
  const auto loads = route(std::vector<float>{1, 0, 0, 0}, experts, std::vector<float>{0, 0, 1, 0});
  EXPECT_THAT(loads[2].weights, ElementsAre(FloatNear(0.5F, 1e-6F)));
}

TEST(Routing, OnlyTheBestGroupsMayBeChosen) {
  Experts experts = four(2);
  experts.groups = 2;
  experts.chosen_groups = 1;
  // The single best expert is in the first group, the better pair in the second.
  const auto loads = route(std::vector<float>{3.0F, -9.0F, 2.9F, 2.8F}, experts);
  EXPECT_THAT(loads[0].rows, IsEmpty());
  EXPECT_THAT(loads[2].rows, ElementsAre(0U));
  EXPECT_THAT(loads[3].rows, ElementsAre(0U));
}

}  // namespace
}  // namespace presswork::modelkit
