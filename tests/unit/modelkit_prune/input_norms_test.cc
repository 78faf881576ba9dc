#include "plugins/modelkit/prune/input_norms.h"

#include <gtest/gtest.h>

#include <cmath>

namespace presswork::modelkit {
namespace {

// What the first layer's q_proj reads is the input norm of the embeddings, which can be worked out by hand.
TEST(InputNormsTest, AreThoseOfTheNormalizedEmbeddingsInTheFirstLayer) {
  const ModelSource source = ModelSource::open(PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama");
  const std::vector<std::int32_t> ids = {5, 900, 17, 3000, 42, 42, 7, 1};
  const TokenWindows windows(ids, 4);
  const std::size_t width = 128;
  const auto table = source.values("model.embed_tokens.weight", 4096 * width);
  const auto weight = source.values("model.layers.0.input_layernorm.weight", width);
  std::vector<double> expected(width, 0.0);
  for (const std::int32_t id : ids) {
    const float* x = table.data() + static_cast<std::size_t>(id) * width;
    double mean = 0;
    for (std::size_t j = 0; j < width; ++j) mean += static_cast<double>(x[j]) * x[j] / width;
    for (std::size_t j = 0; j < width; ++j) {
      expected[j] += std::pow(x[j] / std::sqrt(mean + source.config().norm_eps) * weight[j], 2);
    }
  }
  const auto compute = make_cpu_compute(2);
  Transformer model(*compute, source);
  std::size_t layers = 0;
  each_layer_with_norms(model, windows, {}, [&](std::int64_t index, const InputNorms& norms, DecoderLayer&) {
    ++layers;
    EXPECT_EQ(norms.size(), 7u);
    if (index != 0) return;
    for (const char* module : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}) {
      ASSERT_EQ(norms.at(module).size(), width);
      for (std::size_t j = 0; j < width; ++j) {
        EXPECT_NEAR(norms.at(module)[j], std::sqrt(expected[j]), 1e-4 * std::sqrt(expected[j]))
            << module << j;
      }
    }
  });
  EXPECT_EQ(layers, 4u);
}

// A layer whose weights are all zero adds nothing: what the next one reads depends on that.
TEST(InputNormsTest, SeeTheChangedLayersBefore) {
  const ModelSource source = ModelSource::open(PRESSWORK_SOURCE_DIR "/examples/models/tiny-llama");
  const TokenWindows windows({5, 900, 17, 3000, 42, 42, 7, 1}, 8);
  const auto compute = make_cpu_compute(1);
  const auto second = [&](bool silence) {
    Transformer model(*compute, source);
    double sum = 0;
    each_layer_with_norms(model, windows, {},
                          [&](std::int64_t index, const InputNorms& norms, DecoderLayer& layer) {
                            if (index == 1) sum = norms.at("mlp.down_proj")[3];
                            if (index != 0 || !silence) return;
                            for (const char* module : {"self_attn.o_proj", "mlp.down_proj"}) {
                              LinearWeight weight = source.linear(std::string("model.layers.0.") + module);
                              auto& dense = std::get<DenseWeight>(weight.form);
                              dense.owned.assign(dense.bytes.size(), std::byte{0});
                              dense.bytes = dense.owned;
                              layer.replace(module, weight);
                            }
                          });
    return sum;
  };
  EXPECT_NE(second(true), second(false));
}

}  // namespace
}  // namespace presswork::modelkit
