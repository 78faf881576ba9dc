#include "plugins/modelkit/checkpoint/compressed_tensors.h"

#include <gmock/gmock.h>

#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

class CompressedTensors : public ::testing::Test {
 protected:
  CompressedTensors() { testing::write_tiny_model(source()); }
  fs::path source() const { return folder_.path() / "source"; }
  fs::path target() const { return folder_.path() / "target"; }

  // Quantizes the tiny model and returns what was meant, by module.
  std::map<std::string, std::vector<float>> quantize(const QuantizationScheme& scheme, DType scale_dtype) {
    const Checkpoint checkpoint = Checkpoint::open(source());
    const ModelConfig model = ModelConfig::parse(checkpoint.config(), "config.json");
    QuantizedCheckpoint result(checkpoint, select_targets(model, {"lm_head"}), scheme, scale_dtype, target());
    std::map<std::string, std::vector<float>> meant;
    ThreadPool threads(2);
    for (const auto& step : result.steps()) {
      if (!step.module) {
        result.copy(step.name);
        continue;
      }
      const QuantizationGrid grid{scheme.bits, scheme.group_size, scheme.symmetric, scale_dtype};
      const auto quantized = quantize_rtn(load_linear(checkpoint, {}, step.name), grid, step.name, threads);
      meant[step.name] = quantized.weight.dequantize();
      result.write(step.name, quantized.weight);
    }
    result.finish();
    return meant;
  }

  std::optional<Error> reading(const std::string& module) const {
    return testing::error_of([&] {
      const Checkpoint checkpoint = Checkpoint::open(target());
      load_linear(checkpoint, QuantizationConfig::parse(checkpoint.config(), "config.json"), module);
    });
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CompressedTensors, WhatIsWrittenIsReadBackBitForBit) {
  for (const PackedFormat format : {PackedFormat::PackQuantized, PackedFormat::IntQuantized}) {
    for (const int bits : {2, 3, 4, 8}) {
      for (const int group : {0, 4, 16}) {
        for (const bool symmetric : {true, false}) {
          for (const DType scale : {DType::F32, DType::BF16}) {
            fs::remove_all(target());
            const QuantizationScheme scheme{
                .format = format, .bits = bits, .group_size = group, .symmetric = symmetric, .targets = {}};
            const auto meant = quantize(scheme, scale);
            const Checkpoint back = Checkpoint::open(target());
            const auto config = QuantizationConfig::parse(back.config(), "config.json");
            for (const auto& [module, weights] : meant) {
              EXPECT_EQ(load_linear(back, config, module).dequantize(), weights) << module << bits << group;
            }
            EXPECT_NE(load_linear(back, config, "lm_head").dense(), nullptr);
          }
        }
      }
    }
  }
}

TEST_F(CompressedTensors, TensorNamesTypesAndShapesAreThoseOfTheFormat) {
  quantize({.bits = 4, .group_size = 8, .symmetric = false, .targets = {}}, DType::F32);
  const Checkpoint back = Checkpoint::open(target());
  const std::string module = "model.layers.0.self_attn.k_proj";  // [8, 16]
  EXPECT_EQ(back.tensor(module + ".weight_packed").shape, Shape({8, 2}));
  EXPECT_EQ(back.tensor(module + ".weight_packed").dtype, DType::I32);
  EXPECT_EQ(back.tensor(module + ".weight_scale").shape, Shape({8, 2}));
  EXPECT_EQ(testing::values<std::int64_t>(back.tensor(module + ".weight_shape")),
            (std::vector<std::int64_t>{8, 16}));
  EXPECT_EQ(back.tensor(module + ".weight_zero_point").shape, Shape({1, 2}));
  EXPECT_EQ(back.find(module + ".weight"), nullptr);
  EXPECT_EQ(back.tensor("model.norm.weight").dtype, DType::BF16);
}

TEST_F(CompressedTensors, SymmetricWeightsHaveNoZeroPoint) {
  quantize({.bits = 4, .group_size = 8, .symmetric = true, .targets = {}}, DType::F32);
  EXPECT_EQ(Checkpoint::open(target()).find("model.layers.0.self_attn.k_proj.weight_zero_point"), nullptr);
}

TEST_F(CompressedTensors, AConfigThatDoesNotFitTheTensorsIsAnError) {
  quantize({.bits = 4, .group_size = 8, .symmetric = true, .targets = {}}, DType::F32);
  const std::string config = testing::read_file(target() / "config.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = config;
    changed.replace(changed.find(from), from.size(), to);
    testing::write_file(target() / "config.json", changed);
    return reading("model.layers.0.mlp.up_proj");
  };
  EXPECT_TRUE(with("\"num_bits\": 4", "\"num_bits\": 8"));
  EXPECT_TRUE(with("\"group_size\": 8", "\"group_size\": 4"));
  EXPECT_TRUE(with("\"group_size\": 8", "\"group_size\": 5"));
  EXPECT_TRUE(with("\"symmetric\": true", "\"symmetric\": false"));
  EXPECT_TRUE(with("\"Linear\"", "\"Conv\""));
  EXPECT_FALSE(reading("lm_head"));
}

TEST_F(CompressedTensors, AGroupIndexMovesInputsToTheirGroups) {
  const GroupedIntWeight ints{.bits = 4,
                              .group_size = 2,
                              .symmetric = true,
                              .q = {1, 2, 3, 4},
                              .scales = {10, 100},
                              .zeros = {},
                              .group_of_input = {1, 0, 0, 1}};
  const LinearWeight weight{.out = 1, .in = 4, .form = ints};
  EXPECT_EQ(weight.dequantize(), (std::vector<float>{100, 20, 30, 400}));
}

TEST_F(CompressedTensors, AWeightThatIsNotAMatrixIsAnError) {
  EXPECT_TRUE(testing::error_of([&] { load_linear(Checkpoint::open(source()), {}, "model.norm"); }));
  EXPECT_TRUE(testing::error_of([&] { load_linear(Checkpoint::open(source()), {}, "model.nothing"); }));
}

TEST_F(CompressedTensors, QuantizedModulesThatAreToBeKeptAreNotLostSilently) {
  quantize({.bits = 4, .group_size = 8, .symmetric = true, .targets = {}}, DType::F32);
  const Checkpoint again = Checkpoint::open(target());
  const auto targets = select_targets(ModelConfig::parse(again.config(), "c"), {"lm_head", "*k_proj"});
  const auto error = testing::error_of([&] {
    QuantizedCheckpoint result(again, targets, QuantizationScheme{}, DType::F32, folder_.path() / "third");
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "unsupported");
}

}  // namespace
}  // namespace presswork::modelkit
