// Weights on a learned grid, and LearnedWeight over them.
#include <gmock/gmock.h>

#include "golden.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/train/learned_weight.h"

namespace presswork::modelkit {
namespace {

class LearnedGridTest : public testing::TestWithParam<const char*> {
 protected:
  std::string name(const char* value) const { return std::string("fake.") + GetParam() + "." + value; }
  Matrix matrix(const char* value) { return golden_.matrix(*compute_, name(value)); }
  std::vector<float> read(const Matrix& matrix) {
    std::vector<float> values(matrix.rows * matrix.cols);
    compute_->read(matrix, values);
    return values;
  }
  bool symmetric() const { return std::string(GetParam()) == "symmetric"; }

  Golden golden_;
  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  std::unique_ptr<Gradients> gradients_ = make_cpu_gradients(*compute_);
};

TEST_P(LearnedGridTest, ValuesAndGradientsAreThoseOfPyTorch) {
  const LearnedGrid grid{.bits = symmetric() ? 4 : 3,
                         .scales = matrix("scales"),
                         .zeros = symmetric() ? Matrix{} : matrix("zeros")};
  const Matrix weight = matrix("weight"), out = compute_->allocate(weight.rows, weight.cols);
  gradients_->fake_quantize(out, weight, grid);
  golden_.expect_near(*compute_, out, name("out"), 1e-7);
  const Matrix dweight = matrix("dout"), dscales = compute_->allocate(5, 3);
  compute_->scale(dscales, 0.0F);
  gradients_->fake_quantize_gradient(dweight, dscales, weight, grid);
  golden_.expect_near(*compute_, dweight, name("dweight"), 1e-6);
  golden_.expect_near(*compute_, dscales, name("dscales"), 1e-6);
  gradients_->fake_quantize_gradient(matrix("dout"), dscales, weight, grid);  // adds to what is there
  compute_->scale(dscales, 0.5F);
  golden_.expect_near(*compute_, dscales, name("dscales"), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Grids, LearnedGridTest, testing::Values("symmetric", "asymmetric"));

class LearnedWeightTest : public testing::Test {
 protected:
  // Two rows of two groups of four.
  LinearWeight start() const {
    return {2, 8,
            GroupedIntWeight{.bits = 3,
                             .group_size = 4,
                             .symmetric = false,
                             .q = {-4, 3, 0, 1, 2, -1, -2, 3, 1, 1, 0, -3, 2, 2, -4, 0},
                             .scales = {0.1F, 0.2F, 0.05F, 0.4F},
                             .zeros = {0, -1, 1, 2},
                             .group_of_input = {}}};
  }
  LearnedWeight learned(const std::vector<float>& weights, Learned what, DType dtype = DType::F32) {
    return {*compute_, *gradients_, start(), weights, dtype, what};
  }

  std::unique_ptr<Compute> compute_ = make_cpu_compute(1);
  std::unique_ptr<Gradients> gradients_ = make_cpu_gradients(*compute_);
  Matrix room_ = compute_->allocate(2, 8);
};

TEST_F(LearnedWeightTest, StartsAtTheIntegersValuesAndGivesThemBack) {
  for (const Learned what : {Learned::Scales, Learned::WeightsAndScales}) {
    LearnedWeight weight = learned({}, what);
    weight.quantize(room_);
    std::vector<float> values(16);
    compute_->read(room_, values);
    EXPECT_THAT(values, testing::Pointwise(testing::FloatNear(1e-6F), start().dequantize()));
    EXPECT_EQ(weight.result().grouped_int()->q, start().grouped_int()->q);
    EXPECT_EQ(weight.result().grouped_int()->zeros, start().grouped_int()->zeros);
    EXPECT_THAT(weight.result().grouped_int()->scales,
                testing::Pointwise(testing::FloatNear(1e-7F), start().grouped_int()->scales));
  }
}

TEST_F(LearnedWeightTest, WhatTheForwardPassSeesIsWhatIsStored) {
  std::vector<float> weights(16);
  for (std::size_t i = 0; i < 16; ++i) weights[i] = 0.07F * static_cast<float>(i % 7) - 0.2F;
  for (const DType dtype : {DType::F32, DType::BF16}) {
    LearnedWeight weight = learned(weights, Learned::WeightsAndScales, dtype);
    weight.quantize(room_);
    std::vector<float> values(16);
    compute_->read(room_, values);
    const LinearWeight result = weight.result();
    EXPECT_EQ(result.dequantize(), values);
    for (const float scale : result.grouped_int()->scales) EXPECT_EQ(scale, rounded_through(dtype, scale));
  }
}

TEST_F(LearnedWeightTest, AStepMovesAScaleByAShareOfItself) {
  LearnedWeight weight = learned({}, Learned::Scales);
  Optimizer optimizer(*compute_, *gradients_, {});
  weight.add_to(optimizer, room_, {.scales = 0.01});
  ASSERT_EQ(optimizer.parameters().size(), 1U);  // integers stay
  weight.quantize(room_);
  compute_->write(room_, std::vector<float>(16, 1.0F));
  weight.take_gradient(room_);
  optimizer.step(1.0);  // AdamW's first step is the rate, against the gradient's sign
  const auto after = *weight.result().grouped_int();
  // Sums of q - zero: 0, 6, -5, -8.
  EXPECT_NEAR(after.scales[0], 0.1F, 1e-7);
  EXPECT_NEAR(after.scales[1], 0.2F * std::exp(-0.01F), 1e-6);
  EXPECT_NEAR(after.scales[2], 0.05F * std::exp(0.01F), 1e-6);
  EXPECT_NEAR(after.scales[3], 0.4F * std::exp(0.01F), 1e-6);
}

TEST_F(LearnedWeightTest, AStepMovesAWeightInUnitsOfTheMeanScale) {
  LearnedWeight weight = learned({}, Learned::WeightsAndScales);
  Optimizer optimizer(*compute_, *gradients_, {});
  weight.add_to(optimizer, room_, {.weights = 0.5, .scales = 1e-9});
  weight.quantize(room_);
  compute_->write(room_, std::vector<float>(16, -1.0F));
  weight.take_gradient(room_);
  const std::vector<float> before = start().dequantize();
  optimizer.step(1.0);
  std::vector<float> moved(16);
  compute_->read(optimizer.parameters().back().value, moved);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(moved[i] - before[i], 0.5F * 0.1875F, 1e-5);
}

TEST_F(LearnedWeightTest, GroupsOfZerosDoNotCountInTheMeanScale) {
  LinearWeight pruned = start();
  auto& ints = std::get<GroupedIntWeight>(pruned.form);
  ints.scales = {1, 0.2F, 1, 0.4F};
  ints.zeros = {0, 0, 0, 0};
  for (const std::size_t i : {0, 1, 2, 3, 8, 9, 10, 11}) ints.q[i] = 0;
  LearnedWeight weight(*compute_, *gradients_, pruned, {}, DType::F32, Learned::WeightsAndScales);
  Optimizer optimizer(*compute_, *gradients_, {});
  weight.add_to(optimizer, room_, {.weights = 0.5});
  EXPECT_NEAR(optimizer.parameters().back().rate, 0.5 * 0.3, 1e-6);
}

}  // namespace
}  // namespace presswork::modelkit
