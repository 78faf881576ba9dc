#include <gtest/gtest.h>

#include <fstream>

#include "plugins/optimization/graph.cc"  // the stage class
#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

using namespace modelkit;
namespace fs = std::filesystem;

const fs::path kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";

// tiny-llama with norms that are powers of two, so that every product is exact in bfloat16, and a tensor that
// nothing reads.
fs::path with_round_norms() {
  const fs::path folder = presswork::testing::process_folder() / "round-norms";
  fs::remove_all(folder);
  const Checkpoint source = Checkpoint::open(kTiny);
  std::vector<TensorPlan> plan;
  for (const std::string& name : source.names())
    plan.push_back({name, source.tensor(name).dtype, source.tensor(name).shape});
  plan.push_back({"model.rotary.inv_freq", DType::F32, {4}});
  CheckpointWriter writer(folder, plan);
  for (const std::string& name : source.names()) {
    const TensorView& tensor = source.tensor(name);
    if (name.find("norm") == std::string::npos) {
      writer.write(name, tensor.bytes);
      continue;
    }
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 3 == 0 ? 0.5F : i % 3 == 1 ? 2.0F : 1.0F;
    std::vector<std::byte> bytes(tensor.bytes.size());
    from_float(tensor.dtype, values.data(), values.size(), bytes.data());
    writer.write(name, bytes);
  }
  writer.write("model.rotary.inv_freq", std::vector<std::byte>(16));
  writer.finish(source, source.config());
  return folder;
}

TEST(OptimizeGraphStage, FoldsNormsWhereEveryProductIsExactAndChangesNoLogit) {
  const fs::path folder = with_round_norms();
  testing::StageRunner<OptimizeGraph> runner;
  const auto result = runner.input("model", folder).parameter("max_difference", 0).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const ModelSource before = ModelSource::open(folder), after = ModelSource::open(result.outputs.at("model"));
  // Two norms in each of four layers, and the final one unless the head is tied to the embedding.
  EXPECT_EQ(result.metrics.at("folded_norms"), before.config().tied_embeddings ? 8 : 9);
  EXPECT_EQ(result.metrics.at("kept_norms"), 0);
  EXPECT_EQ(result.metrics.at("removed_tensors"), 1);
  EXPECT_EQ(result.metrics.at("logit_difference"), 0) << "powers of two change no bit";
  for (const float value : after.values("model.layers.2.input_layernorm.weight", 128)) EXPECT_EQ(value, 1.0F);
  const auto a = before.linear("model.layers.2.mlp.up_proj").dequantize();
  const auto b = after.linear("model.layers.2.mlp.up_proj").dequantize();
  EXPECT_EQ(b[0], a[0] * 0.5F);
  EXPECT_EQ(b[1], a[1] * 2.0F);
  EXPECT_EQ(after.checkpoint().find("model.rotary.inv_freq"), nullptr);
}

TEST(OptimizeGraphStage, LeavesNormsAloneWhereAProductWouldBeRounded) {
  testing::StageRunner<OptimizeGraph> runner;
  const auto result = runner.input("model", kTiny).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("folded_norms"), 0);
  EXPECT_EQ(result.metrics.at("logit_difference"), 0);
  EXPECT_DOUBLE_EQ(result.metrics.at("compression_ratio"), 1.0);
}

TEST(OptimizeGraphStage, WidensToFloat32WhereProductsOfSixteenBitsAreExact) {
  testing::StageRunner<OptimizeGraph> runner;
  const auto result = runner.input("model", kTiny).parameter("widen", true).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_GE(result.metrics.at("folded_norms"), 8);
  EXPECT_LT(result.metrics.at("logit_difference"), 1e-5);
  const ModelSource before = ModelSource::open(kTiny), after = ModelSource::open(result.outputs.at("model"));
  const auto norm = before.values("model.layers.1.input_layernorm.weight", 128);
  const auto a = before.linear("model.layers.1.self_attn.q_proj").dequantize();
  const auto b = after.linear("model.layers.1.self_attn.q_proj").dequantize();
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(static_cast<double>(b[i]), static_cast<double>(a[i]) * norm[i % 128]) << i;
  }
}

}  // namespace
}  // namespace presswork
