#include "plugins/modelkit/analyze/activation_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace presswork::modelkit {
namespace {

// The first layer's q_proj reads the input norm of the embeddings, which can be worked out by hand.
TEST(ActivationStatisticsTest, AreThoseOfTheNormalizedEmbeddingsInTheFirstLayer) {
  const ModelSource source = ModelSource::open(PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama");
  const std::vector<std::int32_t> ids = {5, 900, 17, 3000, 42, 42, 7, 1};
  const std::size_t width = 128;
  const auto table = source.values("model.embed_tokens.weight", 4096 * width);
  const auto weight = source.values("model.layers.0.input_layernorm.weight", width);
  double second = 0, fourth = 0, largest = 0;
  for (const std::int32_t id : ids) {
    const float* x = table.data() + static_cast<std::size_t>(id) * width;
    double mean = 0;
    for (std::size_t j = 0; j < width; ++j) mean += static_cast<double>(x[j]) * x[j] / width;
    for (std::size_t j = 0; j < width; ++j) {
      const double value = x[j] / std::sqrt(mean + source.config().norm_eps) * weight[j];
      largest = std::max(largest, std::fabs(value));
      second += value * value;
      fourth += std::pow(value, 4);
    }
  }
  const double count = static_cast<double>(ids.size() * width);
  const auto compute = make_cpu_compute(2);
  Transformer model(*compute, source);
  const auto found = activation_statistics(model, TokenWindows(ids, 4), {});
  EXPECT_EQ(found.size(), 28u);
  const ActivationStatistics& s = found.at("model.layers.0.self_attn.q_proj");
  EXPECT_EQ(s.tokens, 8);
  EXPECT_NEAR(s.largest, largest, 1e-5 * largest);
  EXPECT_NEAR(s.root_mean_square, std::sqrt(second / count), 1e-5);
  EXPECT_NEAR(s.kurtosis, fourth / count / std::pow(second / count, 2), 1e-3);
}

}  // namespace
}  // namespace presswork::modelkit
