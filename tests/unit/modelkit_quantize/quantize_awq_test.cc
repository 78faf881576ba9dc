#include <gmock/gmock.h>

#include "../modelkit_formats/support.h"
#include "plugins/quantization/awq.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

namespace presswork::modelkit {
namespace {

using Runner = ::presswork::testing::StageRunner<QuantizeAwq>;
namespace fs = std::filesystem;

const fs::path kTinyLlama = fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama";

Runner& small(Runner& runner) {
  return runner.input("model", kTinyLlama)
      .input("calibration", fs::path(PRESSWORK_SOURCE_DIR) / "examples/text/calibration.txt")
      .parameter("group_size", 32)
      .parameter("symmetric", false)
      .parameter("samples", 8)
      .parameter("window", 64)
      .threads(2);
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
  const auto bytes = [](const auto& result) {
    return testing::read_file(result.outputs.at("model") / "model.safetensors");
  };
  EXPECT_EQ(bytes(first), bytes(second));
  EXPECT_EQ(bytes(first), bytes(third));
}

}  // namespace
}  // namespace presswork::modelkit
