// Linears whose weights are bfloat16, with activations in float32 and in bfloat16.
#include "plugins/modelkit/compute/cpu/bf16_linear.h"

#include <gtest/gtest.h>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/compute/cpu/bf16_product.h"
#include "plugins/modelkit/formats/dtype.h"
#include "unit/modelkit_compute/device_values.h"

namespace presswork::modelkit {
namespace {

using reference::Values;

TEST(Bf16Linear, OfBf16WeightsIsAsExactAsFloat32) {
  for (const std::size_t rows : {1, 3, 40}) {
    Values weight = reference::random(300, 200, 1);
    for (double& value : weight.at) value = rounded_through(DType::BF16, static_cast<float>(value));
    const Values x = reference::random(rows, 200, 2);
    const Values expected = reference::linear(x, weight, {});
    std::vector<float> one;
    for (const unsigned threads : {1U, 2U, 5U}) {
      const auto compute = make_cpu_compute(threads, WeightForm::Bf16);
      const auto got = product(*compute, x, *compute->pack(source_of(weight)));
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected.at[i], 1e-4);
      if (threads == 1) one = got;
      EXPECT_TRUE(got == one) << threads;
    }
  }
}

Values rounded_to_bf16(Values values) {
  for (double& value : values.at) value = rounded_through(DType::BF16, static_cast<float>(value));
  return values;
}

TEST(Bf16Products, AgreeWithFloat64OfTheRoundedValues) {
  for (const std::size_t rows : {1, 4, 5, 64, 150}) {
    const Values weight = reference::random(300, 203, 1), x = reference::random(rows, 203, 2);
    std::vector<float> bias(300);
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i) - 150.0F;
    // Few rows, and CPUs without such products, leave the activations as they are.
    const bool rounded = rows > 4 && has_bf16_products();
    const Values expected =
        reference::linear(rounded ? rounded_to_bf16(x) : x, rounded_to_bf16(weight), bias);
    std::vector<float> one;
    for (const unsigned threads : {1U, 2U, 5U}) {
      const auto compute = make_cpu_compute(threads, WeightForm::Bf16Products);
      LinearSource source = source_of(weight);
      source.bias = bias;
      const auto got = product(*compute, x, *compute->pack(source));
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected.at[i], 1e-4) << i;
      if (threads == 1) one = got;
      EXPECT_TRUE(got == one) << threads;
    }
  }
}

TEST(Bf16Products, AddToAViewAndLeaveTheRestOfItsRowsAlone) {
  const Values weight = reference::random(140, 64, 1), x = reference::random(70, 64, 2);
  const Values before = reference::random(70, 200, 3);
  const auto compute = make_cpu_compute(2, WeightForm::Bf16Products);
  const Matrix out = on_device(*compute, before);
  compute->linear(out.column_range(30, 140), on_device(*compute, x), *compute->pack(source_of(weight)), true);
  const Values sum =
      reference::linear(has_bf16_products() ? rounded_to_bf16(x) : x, rounded_to_bf16(weight), {});
  const auto got = from_device(*compute, out);
  for (std::size_t r = 0; r < 70; ++r) {
    for (std::size_t c = 0; c < 200; ++c) {
      const double added = c >= 30 && c < 170 ? sum.at[r * 140 + c - 30] : 0.0;
      ASSERT_NEAR(got[r * 200 + c], before.at[r * 200 + c] + added, 1e-4) << r << " " << c;
    }
  }
}

TEST(Bf16Products, OfARowDoNotDependOnTheRowsAroundIt) {
  const Values weight = reference::random(200, 96, 1), x = reference::random(130, 96, 2);
  const auto compute = make_cpu_compute(2, WeightForm::Bf16Products);
  const auto linear = compute->pack(source_of(weight));
  const Matrix input = on_device(*compute, x), all = compute->allocate(130, 200),
               some = compute->allocate(21, 200);
  compute->linear(all, input, *linear);
  compute->linear(some, input.row_range(100, 21), *linear);
  EXPECT_TRUE(from_device(*compute, some) == from_device(*compute, all.row_range(100, 21)));
}

}  // namespace
}  // namespace presswork::modelkit
