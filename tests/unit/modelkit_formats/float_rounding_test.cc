// Rounding against torch, bitsandbytes and numpy (golden/make_rounding.py).
#include "plugins/modelkit/quantize/float_rounding.h"

#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;

class Rounding : public ::testing::Test {
 protected:
  template <class T>
  std::vector<T> golden(const std::string& name) const {
    return testing::values<T>(*file_.find(name));
  }
  static std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
  }
  static LinearWeight dense(const std::vector<float>& w, std::int64_t out) {
    return {out, static_cast<std::int64_t>(w.size()) / out,
            DenseWeight{DType::F32, std::as_bytes(std::span(w)), {}}};
  }

  const SafetensorsFile file_{testing::golden("rounding.safetensors")};
  const std::vector<float> w_ = golden<float>("w");
  const LinearWeight weight_ = dense(w_, 24);
  ThreadPool threads_{2};
};

TEST_F(Rounding, SixteenBitFloatsEqualNumpys) {
  for (const auto& [dtype, name] : {std::pair(DType::F16, "fp16"), std::pair(DType::BF16, "bf16")}) {
    const RtnResult result = round_to_half(weight_, dtype, "m", threads_);
    ASSERT_NE(result.weight.dense(), nullptr);
    EXPECT_EQ(copy(result.weight.dense()->bytes), golden<std::byte>(name)) << name;
  }
}

TEST_F(Rounding, EightBitFloatsEqualTorchs) {
  for (const auto& [sharing, shared] :
       {std::pair(Sharing::Group, "channel"), std::pair(Sharing::Tensor, "tensor")}) {
    for (const auto& [clipping, clip] :
         {std::pair(Clipping::MinMax, "none"), std::pair(Clipping::Mse, "mse")}) {
      const std::string name = std::string("fp8.") + shared + "." + clip;
      const RtnResult result = round_to_float8(weight_, sharing, clipping, DType::F32, "m", threads_);
      const auto& floats = std::get<ScaledFloatWeight>(result.weight.form);
      auto scales = golden<float>(name + ".scale");
      if (scales.size() == 1) scales.resize(24, scales.front());
      EXPECT_EQ(floats.scales, scales) << name;
      EXPECT_EQ(copy(floats.bytes), golden<std::byte>(name + ".q")) << name;
    }
  }
}

TEST_F(Rounding, Nf4EqualsThatOfBitsandbytes) {
  const RtnResult result = round_to_nf4(weight_, Clipping::MinMax, "m", threads_);
  const auto& codes = std::get<CodebookWeight>(result.weight.form);
  EXPECT_EQ(codes.scales, golden<float>("nf4.scale"));
  EXPECT_EQ(copy(codes.codes), golden<std::byte>("nf4.codes"));
}

TEST_F(Rounding, ClippedNf4HasTheScalesOfLeastError) {
  const RtnResult plain = round_to_nf4(weight_, Clipping::MinMax, "m", threads_),
                  clipped = round_to_nf4(weight_, Clipping::Mse, "m", threads_);
  EXPECT_EQ(std::get<CodebookWeight>(clipped.weight.form).scales, golden<float>("nf4.mse.scale"));
  EXPECT_LT(clipped.error.relative(), plain.error.relative());
}

TEST_F(Rounding, OneScaleForAWholeWeightIsNumpys) {
  for (const int bits : {3, 4, 8}) {
    for (const bool symmetric : {true, false}) {
      const std::string name = "int" + std::to_string(bits) + (symmetric ? ".sym" : ".asym");
      const RtnResult result =
          quantize_rtn(weight_, {.bits = bits, .symmetric = symmetric}, "m", threads_, Sharing::Tensor);
      const GroupedIntWeight& ints = *result.weight.grouped_int();
      EXPECT_EQ(ints.q, golden<std::int8_t>(name + ".q")) << name;
      EXPECT_EQ(ints.scales, std::vector<float>(24, golden<float>(name + ".scale").front())) << name;
      if (!symmetric) {
        EXPECT_EQ(ints.zeros, std::vector<std::int8_t>(24, golden<std::int8_t>(name + ".zero").front()));
      }
    }
  }
}

TEST_F(Rounding, TheErrorIsThatOfTheWeightsThatAreWritten) {
  const auto expect_error = [&](const RtnResult& result) {
    const std::vector<float> back = result.weight.dequantize();
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < back.size(); ++i) {
      error += std::pow(static_cast<double>(back[i]) - w_[i], 2);
      norm += std::pow(static_cast<double>(w_[i]), 2);
    }
    EXPECT_NEAR(result.error.relative(), std::sqrt(error / norm), 1e-12);
  };
  for (const Clipping clipping : {Clipping::MinMax, Clipping::Mse}) {
    expect_error(round_to_nf4(weight_, clipping, "m", threads_));
    expect_error(round_to_float8(weight_, Sharing::Group, clipping, DType::BF16, "m", threads_));
    const QuantizationGrid grid{.bits = 4, .symmetric = false, .clipping = clipping};
    expect_error(quantize_rtn(weight_, grid, "m", threads_, Sharing::Tensor));
  }
  expect_error(round_to_half(weight_, DType::BF16, "m", threads_));
}

TEST_F(Rounding, TheMseRangeOfAWholeWeightIsBetterThanItsWidest) {
  QuantizationGrid grid{.bits = 4};
  const double widest = quantize_rtn(weight_, grid, "m", threads_, Sharing::Tensor).error.relative();
  grid.clipping = Clipping::Mse;
  EXPECT_LT(quantize_rtn(weight_, grid, "m", threads_, Sharing::Tensor).error.relative(), widest);
}

TEST_F(Rounding, AValueBeyondFloat16IsNamedNotMadeInfinite) {
  const std::vector<float> w{1.0F, 70000.0F};
  const auto error = testing::error_of([&] { round_to_half(dense(w, 1), DType::F16, "m", threads_); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->where, "m.weight");
  EXPECT_THAT(error->message, HasSubstr("70000"));
  EXPECT_THAT(error->hint, HasSubstr("bf16"));
}

TEST_F(Rounding, TheNumberOfThreadsChangesNothing) {
  ThreadPool one(1);
  const auto codes = [&](ThreadPool& threads) {
    return copy(
        std::get<CodebookWeight>(round_to_nf4(weight_, Clipping::Mse, "m", threads).weight.form).codes);
  };
  EXPECT_EQ(codes(one), codes(threads_));
}

}  // namespace
}  // namespace presswork::modelkit
