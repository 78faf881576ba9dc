#include "plugins/modelkit/analyze/compatibility.h"

#include <gtest/gtest.h>

namespace presswork::modelkit {
namespace {

TEST(CompatibilityTest, IsOneWhereEverythingFits) {
  const Compatibility found =
      compatibility({"card", 24, 1000, 1, {}}, {.memory_gb = 10, .weights_gb = 8, .tokens_per_s = 10});
  EXPECT_DOUBLE_EQ(found.score, 1);
  EXPECT_EQ(found.parts.size(), 4u);
}

TEST(CompatibilityTest, IsTheWeightedMeanOfItsParts) {
  // 20 GB of 24: usable 21.6, so memory 1; headroom 1. Speed: 500 GB/s over 16 GiB is 29.1 tokens/s of 100
  // wanted.
  const Compatibility found =
      compatibility({"card", 24, 500, 0.5, {}}, {.memory_gb = 20, .weights_gb = 16, .tokens_per_s = 100});
  const double speed = 500e9 / (16.0 * 1024 * 1024 * 1024) / 100;
  EXPECT_NEAR(found.score, 0.5 + 0.1 + 0.3 * speed + 0.1 * 0.5, 1e-12);
}

TEST(CompatibilityTest, IsNeverBetterThanTheMemory) {
  const Compatibility found =
      compatibility({"card", 10, 5000, 1, {}}, {.memory_gb = 45, .weights_gb = 1, .tokens_per_s = 1});
  EXPECT_DOUBLE_EQ(found.score, 9.0 / 45);
}

TEST(CompatibilityTest, SaysThatAnUnknownBandwidthIsUnknown) {
  const Compatibility found =
      compatibility({"card", 24, 0, 1, {}}, {.memory_gb = 10, .weights_gb = 8, .tokens_per_s = 10});
  EXPECT_DOUBLE_EQ(found.score, 0.85);
  EXPECT_NE(found.parts[2].reason.text().find("not known"), std::string::npos);
}

TEST(CompatibilityTest, AdvisesByTheGuidesTable) {
  EXPECT_EQ(advice_for(999e6).size, "<1B");
  EXPECT_EQ(advice_for(1e9).size, "1B-7B");
  EXPECT_EQ(advice_for(6.7e9).inference, "RTX 4090 x1");
  EXPECT_EQ(advice_for(7e9).quantization, "AWQ/GPTQ");
  EXPECT_EQ(advice_for(69e9).training, "A100 80GB x4-8");
  EXPECT_EQ(advice_for(175e9).training, "H100 x8 and more");
}

}  // namespace
}  // namespace presswork::modelkit
