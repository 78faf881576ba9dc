#include "plugins/modelkit/quantize/diagnostics.h"

#include <gmock/gmock.h>

#include "dense.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::modelkit {
namespace {

TEST(DeadScales, AreGroupsOfEqualIntegersOrWithoutAScale) {
  GroupedIntWeight weight{
      .bits = 4, .group_size = 2, .q = {}, .scales = {}, .zeros = {}, .group_of_input = {}};
  weight.q = {0, 0, /**/ 3, 3, /**/ -8, 7, /**/ 1, 0, /**/ 2, 1};
  weight.scales = {1.0F, 0.5F, 0.5F, 0.0F, 1e-39F};
  EXPECT_EQ(count_dead_scales(weight), 4);
}

TEST(ClippedWeights, LieMoreThanHalfAStepBeyondTheGrid) {
  const QuantizationGrid grid{.bits = 3, .group_size = 4};
  LinearWeight rounded{2, 4, empty_integers(2, 4, grid)};
  auto& ints = std::get<GroupedIntWeight>(rounded.form);
  ints.scales = {1.0F, 0.1F};
  ints.q = {3, 3, -4, -4, /**/ 3, -4, 2, 0};  // -4 to 3
  const std::vector<float> w = {3.4F, 3.6F, -4.4F, -4.6F, /**/ 0.31F, -9.0F, 0.9F, 0.0F};
  EXPECT_EQ(count_clipped(w, 0, rounded), 3) << "0.9 became 2: that is an error, but not by the grid's end";
  EXPECT_EQ(count_clipped(std::span(w).subspan(4), 1, rounded), 1);
  Figures figures;
  add_integer_figures(figures, rounded, 3);
  EXPECT_EQ(figures.at("clipped_weights"), 3.0 / 8);
  EXPECT_EQ(figures.at("dead_scales"), 0);
}

TEST(ClippedWeights, ComeFromClippingAlone) {
  ThreadPool threads(2);
  const LinearWeight weight = float_weight(70, 64, dense::random_floats(70 * 64, 1));
  for (const bool symmetric : {true, false}) {
    QuantizationGrid grid{.bits = 3, .group_size = 32, .symmetric = symmetric};
    EXPECT_EQ(quantize_rtn(weight, grid, "m", threads).clipped, 0);
    grid.clipping = Clipping::Mse;
    const RtnResult clipped = quantize_rtn(weight, grid, "m", threads);
    EXPECT_GT(clipped.clipped, 20);
    EXPECT_EQ(clipped.clipped, count_clipped(weight.dequantize(), 0, clipped.weight));
  }
}

TEST(OutlierInputs, AreThoseFarAboveTheMedianOne) {
  Figures figures;
  // RMS 1, 2, 3, 17.9, 18.1: the median is 3, the limit 18.
  add_input_figures(figures, {18.1 * 18.1, 1.0, 9.0, 4.0, 17.9 * 17.9});
  EXPECT_EQ(figures.at("outlier_inputs"), 1);
  EXPECT_NEAR(figures.at("largest_input"), 18.1 / 3.0, 1e-12);
  add_input_figures(figures, {0.0, 0.0, 0.0});  // an expert that no token came to
  EXPECT_EQ(figures.at("outlier_inputs"), 0);
  EXPECT_EQ(figures.at("largest_input"), 0);
}

}  // namespace
}  // namespace presswork::modelkit
