#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "golden.h"
#include "plugins/evaluation/divergence.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

#undef PRESSWORK_PLUGIN
#define PRESSWORK_PLUGIN(...) static_assert(true, "")
#include "plugins/evaluation/baseline.cc"

namespace presswork {
namespace {

using Runner = testing::StageRunner<EvaluateDivergence>;
using BaselineRunner = testing::StageRunner<EvaluateBaseline>;

class DivergenceStage : public ::testing::Test {
 protected:
  Runner& inputs(Runner& runner) {
    return runner.input("model", changed_.folder())
        .input("baseline", kModel)
        .input("text", kText)
        .parameter("window", 256)
        .threads(2);
  }

  const ChangedModel changed_;
  const nlohmann::json golden_ = golden();
};

TEST_F(DivergenceStage, GivesPyTorchsNumbers) {
  for (const auto& expected : golden_["divergence"]) {
    Runner runner;
    const auto result = inputs(runner).parameter("context", expected["context"]).run();
    ASSERT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.metrics.at("token_digest"), golden_["token_digest"]);
    EXPECT_EQ(result.metrics.at("tokens"), expected["tokens"]);
    for (const char* name : {"kl_mean", "kl_stderr", "kl_p50", "kl_p90", "kl_p99", "kl_max", "perplexity",
                             "baseline_perplexity", "log_perplexity_ratio", "log_perplexity_ratio_stderr"}) {
      const auto value = expected[name].get<double>();
      EXPECT_NEAR(result.metrics.at(name).get<double>(), value, 2e-5 * value) << name;
    }
    // A near tie of two tokens may fall the other way in float32.
    EXPECT_NEAR(result.metrics.at("top1_agreement").get<double>(), expected["top1_agreement"].get<double>(),
                2e-4);
    EXPECT_NEAR(result.metrics.at("top1_stderr").get<double>(), expected["top1_stderr"].get<double>(), 5e-5);
  }
}

TEST_F(DivergenceStage, OfAModelFromItselfIsZero) {
  Runner runner;
  const auto result = runner.input("model", kModel)
                          .input("baseline", kModel)
                          .input("text", kText)
                          .parameter("samples", 4)
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("kl_max"), 0.0);
  EXPECT_EQ(result.metrics.at("top1_agreement"), 1.0);
  EXPECT_EQ(result.metrics.at("log_perplexity_ratio"), 0.0);
}

TEST_F(DivergenceStage, TakesABaselineThatWasRunBeforeAndGivesTheSameBits) {
  BaselineRunner baseline;
  const auto states = baseline.input("model", kModel)
                          .input("text", kText)
                          .parameter("window", 256)
                          .parameter("samples", 9)
                          .run();
  ASSERT_TRUE(states.ok()) << states.message;
  EXPECT_EQ(states.metrics.at("windows"), 9);
  Runner with, without;
  const auto a = inputs(with).parameter("samples", 9).input("states", states.outputs.at("states")).run();
  const auto b = inputs(without).parameter("samples", 9).run();
  ASSERT_TRUE(a.ok() && b.ok()) << a.message << b.message;
  for (const char* name : {"kl_mean", "kl_max", "top1_agreement", "baseline_perplexity"}) {
    EXPECT_EQ(a.metrics.at(name), b.metrics.at(name)) << name;
  }
  // In little memory both are read from files, a block at a time.
  Runner little;
  const auto c = inputs(little)
                     .parameter("samples", 9)
                     .input("states", states.outputs.at("states"))
                     .memory(1 << 20)
                     .run();
  EXPECT_EQ(c.metrics.at("kl_mean"), b.metrics.at("kl_mean"));
}

TEST_F(DivergenceStage, RefusesStatesOfAnotherTextOrModel) {
  BaselineRunner baseline, stranger;
  const auto other_text = baseline.input("model", kModel)
                              .input("text", kText)
                              .parameter("window", 256)
                              .parameter("samples", 3)
                              .run();
  Runner one;
  const auto a = inputs(one).input("states", other_text.outputs.at("states")).run();
  EXPECT_EQ(a.code, "invalid_input");
  EXPECT_THAT(a.message, ::testing::HasSubstr("windows"));
  const auto other_model = stranger.input("model", changed_.folder())
                               .input("text", kText)
                               .parameter("window", 256)
                               .parameter("samples", 3)
                               .run();
  Runner two;
  const auto b = inputs(two).parameter("samples", 3).input("states", other_model.outputs.at("states")).run();
  EXPECT_EQ(b.code, "invalid_input");
  EXPECT_THAT(b.message, ::testing::HasSubstr("weights_digest"));
}

TEST_F(DivergenceStage, PredictsAndMeasuresItsMemory) {
  Runner runner;
  const auto result = inputs(runner).parameter("samples", 9).run();
  EXPECT_GT(result.metrics.at("predicted_peak_memory_bytes").get<double>(), 0.0);
  EXPECT_GT(result.metrics.at("peak_memory_bytes").get<double>(), 0.0);
}

}  // namespace
}  // namespace presswork
