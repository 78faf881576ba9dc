#include "plugins/modelkit/analyze/sensitivity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

const std::filesystem::path kTiny = PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama";
const std::filesystem::path kText = PRESSWORK_SOURCE_DIR "/examples/text/eval.txt";

class SensitivityTest : public ::testing::Test {
 protected:
  std::map<std::string, Sensitivity> measured() {
    Transformer model(*compute, source);
    std::map<std::string, Sensitivity> found;
    for (Sensitivity& s : measure_sensitivity(model, windows, threads)) found[s.name] = std::move(s);
    return found;
  }
  // Perplexity of a folder on the same windows, by the code that evaluate/perplexity runs.
  double perplexity_of(const std::filesystem::path& folder) {
    const ModelSource other = ModelSource::open(folder);
    Transformer model(*compute, other);
    return perplexity(model, windows).perplexity;
  }
  ModelSource source = ModelSource::open(kTiny);
  TokenWindows windows = read_windows(Tokenizer::open(kTiny), kText, {.length = 128, .samples = 4});
  std::unique_ptr<Compute> compute = make_cpu_compute(2);
  ThreadPool threads{2};
};

TEST_F(SensitivityTest, IsTheRiseOfThePerplexityOfTheModelWrittenSo) {
  const auto folder = presswork::testing::process_folder() / "sensitivity-int4";
  std::filesystem::remove_all(folder);
  const QuantizationScheme scheme{.bits = 4, .group_size = 32, .symmetric = false, .targets = {}};
  QuantizedCheckpoint written(source.checkpoint(), select_targets(source.config(), {"lm_head"}), scheme,
                              DType::F32, folder);
  for (const auto& step : written.steps()) {
    if (step.module) {
      written.write(
          step.name,
          quantize_rtn(source.linear(step.name), {4, 32, false, DType::F32}, step.name, threads).weight);
    } else {
      written.copy(step.name);
    }
  }
  written.finish();
  const double expected = (perplexity_of(folder) / perplexity_of(kTiny) - 1) * 100;
  EXPECT_NEAR(measured().at("int4").loss_percent, expected, 0.01);
}

TEST_F(SensitivityTest, GrowsWithWhatIsTakenAway) {
  const auto found = measured();
  EXPECT_LT(std::fabs(found.at("int8").loss_percent), 1);
  EXPECT_LT(found.at("int8").loss_percent, found.at("int4").loss_percent);
  EXPECT_LT(found.at("int4").loss_percent, found.at("int3").loss_percent);
  EXPECT_LT(found.at("sparse50").loss_percent, found.at("2:4").loss_percent);
  for (const auto& [name, s] : found) {
    EXPECT_EQ(s.layers.size(), 4u);
    if (name == "int8") continue;
    for (const double layer : s.layers) EXPECT_LT(layer, s.loss_percent) << name;
  }
}

}  // namespace
}  // namespace presswork::modelkit
