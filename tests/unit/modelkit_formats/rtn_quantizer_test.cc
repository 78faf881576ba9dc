#include "plugins/modelkit/quantize/rtn_quantizer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;

LinearWeight dense(const std::vector<float>& w, std::int64_t out) {
  return {out, static_cast<std::int64_t>(w.size()) / out,
          DenseWeight{DType::F32, std::as_bytes(std::span(w)), {}}};
}

class Rtn : public ::testing::Test {
 protected:
  RtnResult quantize(const std::vector<float>& w, std::int64_t out, QuantizationGrid grid) {
    return quantize_rtn(dense(w, out), grid, "m", threads_);
  }
  ThreadPool threads_{2};
};

TEST_F(Rtn, EqualsNumpyBitForBitOnEveryGrid) {
  const SafetensorsFile file(testing::golden("rtn.safetensors"));
  const auto w =
      testing::values<float>(*file.find("w"));  // [12, 96]: zero rows, ties, one-sided ranges, outliers
  for (const int bits : {2, 3, 4, 8}) {
    for (const int group : {0, 16, 32}) {
      for (const bool symmetric : {true, false}) {
        const std::string name =
            std::to_string(bits) + "." + std::to_string(group) + (symmetric ? ".sym" : ".asym");
        const RtnResult result = quantize(w, 12, {bits, group, symmetric, DType::F32});
        const GroupedIntWeight& ints = *result.weight.grouped_int();
        EXPECT_EQ(ints.q, testing::values<std::int8_t>(*file.find(name + ".q"))) << name;
        EXPECT_EQ(ints.scales, testing::values<float>(*file.find(name + ".scale"))) << name;
        if (symmetric) continue;
        EXPECT_EQ(ints.zeros, testing::values<std::int8_t>(*file.find(name + ".zero"))) << name;
      }
    }
  }
}

TEST_F(Rtn, AGroupOfZerosComesBackAsZeros) {
  for (const bool symmetric : {true, false}) {
    const auto result = quantize(std::vector<float>(8, 0.0f), 2, {4, 2, symmetric, DType::F32});
    EXPECT_EQ(result.weight.dequantize(), std::vector<float>(8, 0.0f));
    EXPECT_EQ(result.error.relative(), 0.0);
  }
}

TEST_F(Rtn, AZeroWeightStaysExactlyZero) {
  const std::vector<float> w{0.0f, 0.3f, -0.11f, 0.7f, 0.0f, 1.0f, 2.0f, 3.0f};
  for (const bool symmetric : {true, false}) {
    const auto back = quantize(w, 2, {4, 4, symmetric, DType::F32}).weight.dequantize();
    EXPECT_EQ(back[0], 0.0f);
    EXPECT_EQ(back[4], 0.0f);
  }
}

TEST_F(Rtn, TheErrorIsTheRelativeFrobeniusNorm) {
  // max 3 at 2 bits: scale 3, so 1 -> 0 (error 1) and 3 -> 3.
  EXPECT_DOUBLE_EQ(quantize({1, 3}, 1, {2, 0, true, DType::F32}).error.relative(), std::sqrt(1.0 / 10.0));
}

TEST_F(Rtn, NarrowScalesAreTheOnesThatTheIntegersAreChosenAgainst) {
  const std::vector<float> w{1.0f, 0.77f, -0.31f, 0.123f};
  const auto result = quantize(w, 1, {8, 0, true, DType::BF16});
  const float scale = result.weight.grouped_int()->scales[0];
  EXPECT_EQ(scale, rounded_through(DType::BF16, 1.0f / 127));
  for (std::size_t i = 1; i < w.size(); ++i) {
    EXPECT_EQ(result.weight.grouped_int()->q[i], static_cast<int>(std::nearbyint(w[i] / scale)));
  }
}

TEST_F(Rtn, TheNumberOfThreadsChangesNothing) {
  std::vector<float> w(200 * 64);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::sin(static_cast<float>(i) * 1.7f);
  ThreadPool one(1);
  const QuantizationGrid grid{4, 32, false, DType::F32};
  const auto a = quantize_rtn(dense(w, 200), grid, "m", one);
  const auto b = quantize(w, 200, grid);
  EXPECT_EQ(a.weight.grouped_int()->q, b.weight.grouped_int()->q);
  EXPECT_EQ(a.error.squared_error, b.error.squared_error);
}

TEST_F(Rtn, NanAndInfinityAreNamedWithTheirPlace) {
  std::vector<float> w(12, 1.0f);
  for (const float bad : {std::nanf(""), INFINITY}) {
    w[7] = bad;
    const auto error = testing::error_of([&] { quantize(w, 3, {4, 0, true, DType::F32}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, "not_finite");
    EXPECT_EQ(error->where, "m.weight");
    EXPECT_THAT(error->message, HasSubstr("row 1, column 3"));
  }
}

TEST_F(Rtn, RangesBeyondFloatAreAnErrorNotInfinity) {
  EXPECT_TRUE(testing::error_of([&] { quantize({3e38f, -3e38f}, 1, {4, 0, false, DType::F32}); }));
}

TEST_F(Rtn, AGroupSizeThatDoesNotDivideIsAnsweredWithOnesThatDo) {
  const auto error = testing::error_of([] {
    QuantizationGrid{4, 128, true, DType::F32}.check_divides(352, "mlp.down_proj");
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where, "/group_size");
  EXPECT_THAT(error->message, HasSubstr("mlp.down_proj"));
  EXPECT_THAT(error->hint, HasSubstr("16, 32; or 0"));
}

}  // namespace
}  // namespace presswork::modelkit
