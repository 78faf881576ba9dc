#include "plugins/modelkit/prune/pruner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/modelkit/quantize/integer_weight.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;

class PrunerTest : public ::testing::Test {
 protected:
  std::vector<float> pruned(const LinearWeight& weight, const SparsityPattern& pattern,
                            const std::vector<double>& norms = {}) {
    result = prune(weight, norms, pattern, "m", threads);
    return result.weight.dequantize();
  }
  ThreadPool threads{2};
  Pruned result;
};

TEST_F(PrunerTest, RemovesTheSmallestHalfOfEachRowByItself) {
  EXPECT_THAT(pruned(float_weight(2, 4, {1, -4, 3, 2, 10, 40, -30, 20}), {.sparsity = 0.5}),
              ElementsAre(0, -4, 3, 0, 0, 40, -30, 0));
  EXPECT_EQ(result.loss.zeros, 4);
  EXPECT_DOUBLE_EQ(result.loss.squared_error, 1 + 4 + 100 + 400);
  EXPECT_DOUBLE_EQ(result.loss.squared_norm, 30 + 3000);
}

TEST_F(PrunerTest, RemovesTheFurtherLeftOfEquals) {
  EXPECT_THAT(pruned(float_weight(1, 4, {1, -1, 1, 1}), {.sparsity = 0.5}), ElementsAre(0, 0, 1, 1));
}

TEST_F(PrunerTest, KeepsNOfEachM) {
  EXPECT_THAT(pruned(float_weight(1, 8, {1, 2, 3, 4, 9, 8, 7, 6}), SparsityPattern::parse("2:4")),
              ElementsAre(0, 0, 3, 4, 9, 8, 0, 0));
  EXPECT_THAT(pruned(float_weight(1, 8, {1, 2, 3, 4, 9, 8, 7, 6}), SparsityPattern::parse("1:4")),
              ElementsAre(0, 0, 0, 4, 9, 0, 0, 0));
}

TEST_F(PrunerTest, WeighsByTheNormOfTheInputWhereItIsKnown) {
  EXPECT_THAT(pruned(float_weight(1, 4, {1, 2, 3, 4}), {.sparsity = 0.5}, {100, 1, 1, 1}),
              ElementsAre(1, 0, 0, 4));
}

TEST_F(PrunerTest, PutsIntegersOntoTheirZeroPoint) {
  GroupedIntWeight ints{.bits = 4,
                        .group_size = 2,
                        .symmetric = false,
                        .q = {1, 7, -5, 6},
                        .scales = {1.0F, 0.5F},
                        .zeros = {2, -4},
                        .group_of_input = {}};
  // -1, 5 | -0.5, 5
  EXPECT_THAT(pruned({1, 4, ints}, {.sparsity = 0.5}), ElementsAre(0, 5, 0, 5));
  EXPECT_THAT(result.weight.grouped_int()->q, ElementsAre(2, 7, -4, 6));
}

TEST_F(PrunerTest, DoesNotDependOnTheNumberOfThreads) {
  std::vector<float> values(100 * 64);
  std::uint32_t state = 7;
  for (float& value : values) value = static_cast<float>(state = state * 1664525U + 1013904223U) - 2e9F;
  const LinearWeight weight = float_weight(100, 64, values);
  ThreadPool one(1), four(4);
  EXPECT_EQ(prune(weight, {}, {.sparsity = 0.3}, "m", one).weight.dequantize(),
            prune(weight, {}, {.sparsity = 0.3}, "m", four).weight.dequantize());
}

TEST_F(PrunerTest, NamesThePlaceOfNan) {
  try {
    pruned(float_weight(2, 2, {1, 2, 3, std::nanf("")}), {.sparsity = 0.5});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "not_finite");
    EXPECT_EQ(error.message, "has NaN or infinity at row 1, column 1");
  }
}

TEST_F(PrunerTest, RefusesPatternsThatAreNone) {
  for (const char* text : {"4:4", "0:4", "2", "2:", ":4", "a:b", "5:4", "2:4 "}) {
    EXPECT_THROW(SparsityPattern::parse(text), Error) << text;
  }
  EXPECT_EQ(SparsityPattern::parse("2:4").text(), "2:4");
  EXPECT_THROW(pruned(float_weight(1, 6, {1, 2, 3, 4, 5, 6}), SparsityPattern::parse("2:4")), Error);
}

}  // namespace
}  // namespace presswork::modelkit
