#include "plugins/modelkit/quantize/grid.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dense.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Squared error of `w` on a grid of this scale and zero, level by level.
double error_of(const std::vector<float>& w, const GroupScale& group, const QuantizationGrid& grid) {
  double sum = 0;
  for (const float value : w) {
    double least = INFINITY;
    for (int q = static_cast<int>(grid.lowest()); q <= static_cast<int>(grid.highest()); ++q) {
      const double d = static_cast<double>(value) - group.value(static_cast<std::int8_t>(q));
      least = std::min(least, d * d);
    }
    sum += least;
  }
  return sum;
}

TEST(GroupScale, TheMseRangeIsTheBestOfAllShrunkOnes) {
  for (const bool symmetric : {true, false}) {
    for (const int bits : {2, 3, 4}) {
      auto w = dense::random_floats(64, static_cast<unsigned>(bits));
      w[7] = 5.0F;  // an outlier that stretches the range
      QuantizationGrid grid{.bits = bits, .symmetric = symmetric};
      const double plain = error_of(w, fit_group(w.data(), 64, grid), grid);
      grid.clipping = Clipping::Mse;
      const double found = error_of(w, fit_group(w.data(), 64, grid), grid);
      EXPECT_LT(found, plain);
      // No symmetric or asymmetric range between a fifth and the whole does better.
      grid.clipping = Clipping::MinMax;
      for (int share = 20; share <= 100; ++share) {
        std::vector<float> clipped = w;
        const float part = static_cast<float>(share) / 100.0F;
        const auto [low, high] = std::minmax_element(w.begin(), w.end());
        for (float& value : clipped) value = std::clamp(value, *low * part, *high * part);
        EXPECT_LE(found, error_of(w, fit_group(clipped.data(), 64, grid), grid) * (1 + 1e-6)) << share;
      }
    }
  }
}

TEST(GroupScale, AGroupOnTheGridIsKeptByEitherRange) {
  std::vector<float> w;
  for (int q = -7; q <= 7; ++q) w.push_back(0.25F * static_cast<float>(q));
  for (const Clipping clipping : {Clipping::MinMax, Clipping::Mse}) {
    const QuantizationGrid grid{.bits = 4, .clipping = clipping};
    EXPECT_NEAR(error_of(w, fit_group(w.data(), 15, grid), grid), 0.0, 1e-12);
  }
}

TEST(QuantizationGrid, TheHintNamesSizesThatDivideTheInputsOfAllModules) {
  const auto hint = [](std::int64_t in, std::int64_t common) {
    try {
      QuantizationGrid{.group_size = 33}.check_divides(in, "m", common);
    } catch (const Error& error) {
      return error.hint;
    }
    return std::string();
  };
  EXPECT_NE(hint(128, 32).find("sizes that fit: 8, 16, 32; or 0"), std::string::npos);
  EXPECT_NE(hint(64, 8).find("sizes that fit: 8; or 0"), std::string::npos);
  EXPECT_NE(hint(60, 12).find("sizes that fit: 12; or 0"), std::string::npos);
  EXPECT_EQ(hint(64, 1).find("sizes"), std::string::npos);
  EXPECT_EQ(hint(66, 1), "");
}

}  // namespace
}  // namespace presswork::modelkit
