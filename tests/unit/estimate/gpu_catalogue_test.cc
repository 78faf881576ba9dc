#include "plugins/modelkit/estimate/gpu_catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "presswork/error.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;

class GpuCatalogueTest : public ::testing::Test {
 protected:
  std::string file(const std::string& text) {
    const auto path = presswork::testing::process_folder() / "gpus-of-the-user.json";
    std::ofstream(path) << text;
    return path.string();
  }
};

TEST_F(GpuCatalogueTest, HoldsTheGuidesThreeAsTheGuideHasThem) {
  const GpuCatalogue catalogue = GpuCatalogue::load();
  const Gpu& rtx = catalogue.at("RTX_4090", "");
  EXPECT_EQ(rtx.memory_gb, 24);
  EXPECT_EQ(rtx.fp16_tflops, 166);
  EXPECT_EQ(rtx.price_usd, 1600);
  const Gpu& a100 = catalogue.at("A100_80GB", "");
  EXPECT_EQ(a100.memory_gb, 80);
  EXPECT_EQ(a100.fp16_tflops, 312);
  EXPECT_EQ(a100.price_usd, 20000);
  const Gpu& h100 = catalogue.at("H100", "");
  EXPECT_EQ(h100.memory_gb, 80);
  EXPECT_EQ(h100.fp16_tflops, 534);
  EXPECT_EQ(h100.price_usd, 30000);
}

TEST_F(GpuCatalogueTest, SaysOfEveryCardWhereItsFiguresComeFrom) {
  const GpuCatalogue catalogue = GpuCatalogue::load();
  for (const Gpu& gpu : catalogue.gpus()) {
    EXPECT_GT(gpu.source.size(), 20u) << gpu.name;
    EXPECT_GT(gpu.bandwidth_gbps, 0) << gpu.name;
    EXPECT_FALSE(gpu.interconnect.empty()) << gpu.name;
  }
  for (const char* name :
       {"RTX_3080", "A100_40GB", "H200", "L40S", "MI300X", "T4", "V100_16GB", "RTX_4080"}) {
    EXPECT_NO_THROW(catalogue.at(name, "")) << name;
  }
}

TEST_F(GpuCatalogueTest, TakesAUsersCardsOverTheShippedOnes) {
  const GpuCatalogue catalogue = GpuCatalogue::load(file(
      R"({"gpus": {"RTX_4090": {"memory_gb": 48, "fp16_tflops": 166, "price_usd": 3000, "source": "a shop"},
                       "MINE": {"memory_gb": 1, "fp16_tflops": 2, "price_usd": 3, "source": "me"}}})"));
  EXPECT_EQ(catalogue.at("RTX_4090", "").memory_gb, 48);
  EXPECT_EQ(catalogue.at("MINE", "").price_usd, 3);
  EXPECT_EQ(catalogue.gpus().front().name, "MINE") << "ordered by memory";
  EXPECT_EQ(catalogue.gpus().size(), GpuCatalogue::load().gpus().size() + 1);
}

TEST_F(GpuCatalogueTest, RefusesACardWithoutASourceOrWithANumberThatIsNone) {
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      GpuCatalogue::load(file(text));
    } catch (const Error& error) {
      return error.message;
    }
    return "accepted";
  };
  EXPECT_THAT(refusal(R"({"gpus": {"X": {"memory_gb": 1, "fp16_tflops": 2, "price_usd": 3}}})"),
              HasSubstr("source"));
  EXPECT_THAT(
      refusal(R"({"gpus": {"X": {"memory_gb": -1, "fp16_tflops": 2, "price_usd": 3, "source": "s"}}})"),
      HasSubstr("memory_gb"));
  EXPECT_THAT(refusal(R"({"gpus": {"X": {"memory_gb": 1, "fp16_tflops": 2, "source": "s"}}})"),
              HasSubstr("price_usd"));
  EXPECT_THAT(refusal(R"({"cards": {}})"), HasSubstr("no catalogue"));
  EXPECT_THAT(refusal("[]"), HasSubstr("no catalogue"));
}

TEST_F(GpuCatalogueTest, ListsTheCardsWhereOneIsUnknown) {
  try {
    GpuCatalogue::load().at("RTX_9999", "/gpu");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "/gpu");
    EXPECT_THAT(error.hint, HasSubstr("RTX_4090"));
  }
}

}  // namespace
}  // namespace presswork::modelkit
