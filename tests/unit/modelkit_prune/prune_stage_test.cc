#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "plugins/modelkit/model/model_source.h"
#include "plugins/pruning/prune.cc"  // the stage classes
#include "presswork/testing.hpp"

namespace presswork {
namespace {

using namespace modelkit;
using ::testing::HasSubstr;

const std::string kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";
const std::string kText = PRESSWORK_SOURCE_DIR "/examples/text/calibration.txt";

// How many of each row's weights are zero, and how many weights differ from the original without being zero.
struct Difference {
  std::int64_t zeros = 0, changed = 0, total = 0, broken_groups = 0;
};

Difference compare(const std::filesystem::path& folder) {
  const ModelSource before = ModelSource::open(kTiny), after = ModelSource::open(folder);
  Difference difference;
  for (const LinearSite& site : decoder_linears(before.config())) {
    const auto a = before.linear(site.module).dequantize(), b = after.linear(site.module).dequantize();
    for (std::size_t i = 0; i < a.size(); ++i) {
      ++difference.total;
      if (b[i] == 0) ++difference.zeros;
      if (b[i] != 0 && b[i] != a[i]) ++difference.changed;
    }
    for (std::size_t i = 0; i + 4 <= a.size(); i += 4) {
      const auto zeros =
          std::count(b.begin() + static_cast<long>(i), b.begin() + static_cast<long>(i) + 4, 0.0F);
      if (zeros < 2) ++difference.broken_groups;
    }
  }
  return difference;
}

TEST(PruneStage, LeavesHalfOfTheWeightsAndTheOthersBitForBit) {
  testing::StageRunner<PruneUnstructured> runner;
  const auto result = runner.input("model", kTiny).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Difference difference = compare(result.outputs.at("model"));
  EXPECT_EQ(difference.zeros * 2, difference.total);
  EXPECT_EQ(difference.changed, 0);
  EXPECT_DOUBLE_EQ(result.metrics.at("sparsity"), 0.5);
  EXPECT_DOUBLE_EQ(result.metrics.at("compression_ratio"), 1.0);
}

TEST(PruneStage, KeepsTheTwoInFourPattern) {
  for (const char* method : {"magnitude", "wanda"}) {
    testing::StageRunner<PruneNm> runner;
    runner.input("model", kTiny).input("calibration", kText).parameter("method", method);
    const auto result = runner.parameter("samples", 4).parameter("window", 64).run();
    ASSERT_TRUE(result.ok()) << method << ": " << result.message;
    const Difference difference = compare(result.outputs.at("model"));
    EXPECT_EQ(difference.broken_groups, 0) << method;
    EXPECT_EQ(difference.changed, 0) << method;
  }
}

TEST(PruneStage, ChoosesOtherWeightsByWandaThanByMagnitude) {
  testing::StageRunner<PruneUnstructured> magnitude, wanda;
  magnitude.input("model", kTiny);
  wanda.input("model", kTiny).input("calibration", kText).parameter("method", "wanda");
  wanda.parameter("samples", 4).parameter("window", 64);
  const auto by_magnitude = magnitude.run(), by_wanda = wanda.run();
  ASSERT_TRUE(by_wanda.ok()) << by_wanda.message;
  EXPECT_EQ(by_wanda.metrics.at("calibration_windows"), 4);
  EXPECT_LT(by_magnitude.metrics.at("mean_relative_error"), by_wanda.metrics.at("mean_relative_error"))
      << "magnitude is the best there is by this error, which knows no inputs";
}

TEST(PruneStage, SaysThatItTookTheBundledTextForWantOfAnother) {
  testing::StageRunner<PruneUnstructured> runner;
  runner.input("model", kTiny).parameter("method", "wanda").parameter("samples", 2).parameter("window", 32);
  const auto result = runner.run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("calibration_bundled"), true);
  EXPECT_EQ(result.metrics.at("calibration_warnings").size(), 1u) << "64 tokens are few";
}

TEST(PruneStage, LeavesOutWhatIsIgnored) {
  testing::StageRunner<PruneUnstructured> runner;
  const auto result = runner.input("model", kTiny).parameter("ignore", {"model.layers.0.*"}).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Difference difference = compare(result.outputs.at("model"));
  EXPECT_EQ(difference.zeros * 8, difference.total * 3);
}

}  // namespace
}  // namespace presswork
