#include <gmock/gmock.h>

#include "plugins/quantization/awq.cc"  // the stage is nowhere else
#include "small_job.h"

namespace presswork::modelkit {
namespace {

using Runner = ::presswork::testing::StageRunner<QuantizeAwq>;
namespace fs = std::filesystem;

Runner& small(Runner& runner) {
  return small_job(runner).parameter("group_size", 32).parameter("symmetric", false);
}

TEST(QuantizeAwqStage, WritesAModelWithFoldedNormsOfTheirOwnType) {
  Runner runner;
  const auto result = small(runner).parameter("clip", "search").run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("quantized_tensors"), 28);
  EXPECT_LT(result.metrics.at("mean_output_error"),
            result.metrics.at("mean_rounding_output_error").get<double>());
  const Checkpoint written = Checkpoint::open(result.outputs.at("model")),
                   original = Checkpoint::open(kTinyLlama);
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  const auto model = ModelConfig::parse(written.config(), "config.json");
  EXPECT_THAT(check_structure(written, model, config).problems, ::testing::IsEmpty());
  std::size_t folded = 0;
  for (int layer = 0; layer < 4; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const TensorView &before = original.tensor(prefix + "input_layernorm.weight"),
                     &after = written.tensor(prefix + "input_layernorm.weight");
    EXPECT_EQ(after.dtype, before.dtype);
    const bool scaled = result.metrics.at("scale_powers").at(prefix + "self_attn.q_proj") > 0.0;
    EXPECT_EQ(testing::values<std::uint16_t>(before) != testing::values<std::uint16_t>(after), scaled);
    folded += scaled ? 1 : 0;
  }
  EXPECT_GT(folded, 0U);
}

TEST(QuantizeAwqStage, ASecondAttemptTakesWhatTheFirstFinishedAndWritesTheSameBytes) {
  Runner runner, fresh;
  const auto first = small(runner).run(), second = runner.run(), third = small(fresh).threads(1).run();
  ASSERT_TRUE(first.ok() && second.ok() && third.ok()) << first.message;
  EXPECT_EQ(second.metrics.at("resumed_layers"), 4);
  const auto bytes = [](const auto& result) { return weights_of(result.outputs.at("model")); };
  EXPECT_EQ(bytes(first), bytes(second));
  EXPECT_EQ(bytes(first), bytes(third));
}

}  // namespace
}  // namespace presswork::modelkit
