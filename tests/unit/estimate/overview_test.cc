#include "plugins/estimate/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "presswork/testing.hpp"

namespace presswork {
namespace {

using ::testing::HasSubstr;
using Runner = testing::StageRunner<EstimateOverview>;

const std::string kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";

struct Llama7b : Runner {
  Llama7b() {
    parameter("params", 6.7e9).parameter("d_model", 4096).parameter("n_layers", 32).parameter("n_heads", 32);
    parameter("batch_size", 8).parameter("seq_len", 2048);
  }
};

TEST(EstimateOverviewTest, GivesTheGuidesExampleOfLlama7b) {
  // 6.7e9 * 2 * 1.1 + 2 * 32 * 8 * 2048 * 4096 * 2 + 8 * 2048 * 4096 * 2 bytes, by hand.
  auto result = Llama7b().run();
  ASSERT_TRUE(result.ok()) << result.message;
  const double bytes = 6.7e9 * 2 * 1.1 + 2.0 * 32 * 8 * 2048 * 4096 * 2 + 8.0 * 2048 * 4096 * 2;
  EXPECT_NEAR(result.metrics.at("inference_memory").at("total_memory_gb"), bytes / (1024.0 * 1024 * 1024),
              1e-9);
  EXPECT_NEAR(result.metrics.at("inference_memory").at("total_memory_gb"), 21.85, 0.005);
  EXPECT_EQ(result.metrics.at("gpus").at("RTX_4090").at("inference").at("min_gpus"), 2);
  EXPECT_EQ(result.metrics.at("gpus").at("A100_80GB").at("inference").at("min_gpus"), 1);
}

TEST(EstimateOverviewTest, CountsGroupedHeadsInTheExactMemoryOnly) {
  auto result = Llama7b().parameter("n_kv_heads", 8).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const double guide = result.metrics.at("inference_memory").at("kv_cache_memory_gb");
  EXPECT_DOUBLE_EQ(result.metrics.at("inference_memory_exact").at("kv_cache_memory_gb"), guide / 4);
}

TEST(EstimateOverviewTest, KnowsTheExactBytesOfAFolderInEachFormat) {
  const auto result = Runner().input("model", kTiny).run();
  ASSERT_TRUE(result.ok()) << result.message;
  // The decoder's linears of tiny-llama: 4 layers of q 128x128, k and v 64x128, o 128x128, gate and up
  // 352x128, down 128x352; all in bf16.
  const double linears = 4.0 * (2 * 128 * 128 + 2 * 64 * 128 + 3 * 128 * 352);
  const double total = static_cast<double>(modelkit::Checkpoint::open(kTiny).total_bytes());
  std::map<std::string, double> bytes;
  for (const Json& format : result.metrics.at("weight_formats"))
    bytes[format.at("format")] = format.at("bytes");
  EXPECT_DOUBLE_EQ(bytes.at("fp16"), total);
  // Four bits, a float32 for 32 inputs, and the shape (two int64) that each of 28 modules carries.
  EXPECT_DOUBLE_EQ(bytes.at("int4 g32"), total - 2 * linears + linears / 2 + linears / 32 * 4 + 28 * 16);
  EXPECT_EQ(bytes.count("int4 g128"), 0u) << "128 does not divide the 352 inputs of down_proj";
}

TEST(EstimateOverviewTest, ShowsTheSameAsTables) {
  const auto result = Llama7b().parameter("gpus", {"RTX_4090"}).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Json& tables = result.metrics.at("tables");
  ASSERT_EQ(tables.size(), 7u);
  for (const Json& table : tables) {
    for (const Json& row : table.at("rows"))
      EXPECT_EQ(row.size(), table.at("columns").size()) << table.at("title");
  }
  EXPECT_EQ(tables[0].at("rows")[0][5], "21.9 GB");
  EXPECT_EQ(tables[2].at("rows").size(), 1u);
}

TEST(EstimateOverviewTest, NeedsAFolderOrNumbers) {
  const auto result = Runner().run();
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.where, "/params");
  EXPECT_THAT(result.hint, HasSubstr("model folder"));
}

}  // namespace
}  // namespace presswork
