#include "plugins/modelkit/checkpoint/quantization_config.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// As llm-compressor writes it, with more keys than we do.
const char* const kFull = R"({"quantization_config": {
  "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
  "global_compression_ratio": null, "kv_cache_scheme": null, "ignore": ["lm_head", "re:.*\\.1\\..*down_proj"],
  "config_groups": {
    "group_0": {"targets": ["Linear"], "weights": {"num_bits":4,"type":"int","symmetric":false,"strategy":"group",
                "group_size":128,"dynamic":false,"actorder":null,"block_structure":null,"observer":"minmax",
                "observer_kwargs":{}}, "input_activations": null, "output_activations": null},
    "group_1": {"targets": ["re:.*o_proj"], "format": "int-quantized",
                "weights": {"num_bits":8,"type":"int","symmetric":true,"strategy":"channel"},
                "input_activations": {"num_bits":8,"type":"int","strategy":"token","dynamic":true}}},
  "sparsity_config": {}, "transform_config": {}, "version": "0.12.0"}})";

TEST(QuantizationConfig, ATypeIsWrittenInTheSpellingsThatAreThere) {
  const auto with_half = [](const char* text) {
    return Json::parse(with_dtype(text, DType::F16, "config.json"));
  };
  EXPECT_EQ(with_half("{}"), Json({{"dtype", "float16"}}));
  EXPECT_EQ(with_half(R"({"dtype": "float32"})"), Json({{"dtype", "float16"}}));
  EXPECT_EQ(with_half(R"({"torch_dtype": "float32"})"), Json({{"torch_dtype", "float16"}}));
  EXPECT_EQ(with_half(R"({"torch_dtype": "float32", "dtype": "float32"})"),
            Json({{"torch_dtype", "float16"}, {"dtype", "float16"}}));
}

TEST(QuantizationConfig, EachModuleFindsItsScheme) {
  const auto config = QuantizationConfig::parse(kFull, "config.json");
  const auto* group = config.scheme_for("model.layers.0.mlp.up_proj");
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->bits, 4);
  EXPECT_EQ(group->group_size, 128);
  EXPECT_FALSE(group->symmetric);
  const auto* channel = config.scheme_for("model.layers.0.self_attn.o_proj");
  ASSERT_NE(channel, nullptr);
  EXPECT_EQ(channel->format, PackedFormat::IntQuantized);
  EXPECT_EQ(channel->group_size, 0);
  ASSERT_TRUE(channel->inputs);
  EXPECT_TRUE(channel->inputs->dynamic);
  EXPECT_EQ(config.scheme_for("lm_head"), nullptr);
  EXPECT_EQ(config.scheme_for("model.layers.1.mlp.down_proj"), nullptr);
}

TEST(QuantizationConfig, WhatIsWrittenIsReadBackAndTheRestOfTheConfigStays) {
  QuantizationConfig config;
  config.schemes = {{.format = PackedFormat::PackQuantized,
                     .bits = 4,
                     .group_size = 32,
                     .symmetric = true,
                     .targets = {"Linear"}}};
  config.ignore = {"lm_head"};
  const std::string merged = config.merged_into(testing::kTinyConfig, "config.json");
  const auto back = QuantizationConfig::parse(merged, "config.json");
  ASSERT_EQ(back.schemes.size(), 1u);
  EXPECT_EQ(back.schemes[0].group_size, 32);
  EXPECT_EQ(back.ignore, config.ignore);
  Json json = Json::parse(merged);
  json.erase("quantization_config");
  EXPECT_EQ(json, Json::parse(testing::kTinyConfig));
}

TEST(QuantizationConfig, OnlyKeysThatOldReadersKnowAreWritten) {
  QuantizationConfig config;
  config.schemes = {QuantizationScheme{.group_size = 128, .targets = {"Linear"}}};
  const Json json = Json::parse(config.merged_into("{}", "config.json"));
  for (const auto& [key, value] :
       json["quantization_config"]["config_groups"]["group_0"]["weights"].items()) {
    EXPECT_THAT(
        (std::vector<std::string>{"num_bits", "type", "symmetric", "strategy", "group_size", "dynamic"}),
        ::testing::Contains(key));
  }
}

TEST(QuantizationConfig, HowInputsAreQuantizedIsWrittenAndReadBack) {
  for (const bool dynamic : {true, false}) {
    for (const bool symmetric : {true, false}) {
      QuantizationConfig config;
      config.schemes = {{.format = PackedFormat::IntQuantized,
                         .bits = 8,
                         .inputs = Int8Inputs{.dynamic = dynamic, .symmetric = symmetric},
                         .targets = {"Linear"}}};
      const std::string text = config.merged_into("{}", "config.json");
      const Json inputs =
          Json::parse(text)["quantization_config"]["config_groups"]["group_0"]["input_activations"];
      EXPECT_EQ(inputs["strategy"], dynamic ? "token" : "tensor");
      const auto back = QuantizationConfig::parse(text, "config.json").schemes.at(0).inputs;
      ASSERT_TRUE(back);
      EXPECT_EQ(back->dynamic, dynamic);
      EXPECT_EQ(back->symmetric, symmetric);
    }
  }
}

TEST(QuantizationConfig, InputsOfOtherBitsOrSharedInOtherWaysAreRefused) {
  for (const char* inputs : {R"({"num_bits":4,"type":"int","strategy":"token","dynamic":true})",
                             R"({"num_bits":8,"type":"int","strategy":"group","dynamic":true})",
                             R"({"num_bits":8,"type":"int","strategy":"token","dynamic":false})"}) {
    EXPECT_TRUE(testing::error_of([&] {
      QuantizationConfig::parse(
          R"({"quantization_config":{"quant_method":"compressed-tensors","format":"int-quantized",)"
          R"("config_groups":{"g":{"targets":["Linear"],"weights":{"num_bits":8},"input_activations":)" +
              std::string(inputs) + "}}}}",
          "c");
    })) << inputs;
  }
}

TEST(QuantizationConfig, AModelWithoutTheKeyIsPlain) {
  EXPECT_TRUE(QuantizationConfig::parse("{}", "config.json").empty());
  EXPECT_TRUE(QuantizationConfig::parse(R"({"quantization_config": null})", "config.json").empty());
}

TEST(QuantizationConfig, OtherMethodsAreNamed) {
  const auto error = testing::error_of(
      [] { QuantizationConfig::parse(R"({"quantization_config":{"quant_method":"hqq"}})", "c"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "unsupported");
  EXPECT_THAT(error->message, HasSubstr("hqq"));
  for (const char* weights :
       {R"({"num_bits":8,"type":"float"})", R"({"num_bits":40})", R"({"strategy":"block"})"}) {
    EXPECT_TRUE(testing::error_of([&] {
      QuantizationConfig::parse(
          R"({"quantization_config":{"quant_method":"compressed-tensors","format":"pack-quantized",)"
          R"("config_groups":{"g":{"targets":["Linear"],"weights":)" +
              std::string(weights) + "}}}}",
          "c");
    })) << weights;
  }
}

}  // namespace
}  // namespace presswork::modelkit
