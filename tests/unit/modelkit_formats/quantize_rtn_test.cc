#include <gmock/gmock.h>

#include "plugins/quantization/rtn.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"
#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<QuantizeRtn>;
namespace fs = std::filesystem;

const fs::path kTinyLlama = fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama";
const fs::path kFixtures = fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures";

// Each module's error is that of what was written.
void expect_errors(const ::presswork::Json& errors, const Checkpoint& written,
                   const QuantizationConfig& config) {
  const Checkpoint original = Checkpoint::open(kTinyLlama);
  for (const auto& [module, error] : errors.items()) {
    const auto a = load_linear(original, {}, module).dequantize(),
               b = load_linear(written, config, module).dequantize();
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
      norm += std::pow(static_cast<double>(a[i]), 2);
    }
    EXPECT_NEAR(error.get<double>(), std::sqrt(difference / norm), 1e-12) << module;
  }
}

TEST(QuantizeRtnStage, WritesAModelThatIsSmallerAndReadsBack) {
  Runner runner;
  const auto result = runner.input("model", kTinyLlama).parameter("group_size", 32).threads(2).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const fs::path model = result.outputs.at("model");
  EXPECT_GT(result.metrics.at("compression_ratio"), 1.3);  // 59 % of tiny-llama are embedding and head
  EXPECT_EQ(result.metrics.at("quantized_tensors"), 28);
  EXPECT_EQ(result.metrics.at("layer_errors").size(), 28u);
  EXPECT_EQ(result.metrics.at("compressed_bytes"), fs::file_size(model / "model.safetensors"));
  // 4 bits and 32/32 bits of scale a weight, and the shape tensor.
  EXPECT_NEAR(result.metrics.at("bits_per_weight").get<double>(), 5.0, 0.01);
  EXPECT_EQ(testing::read_file(model / "tokenizer.json"), testing::read_file(kTinyLlama / "tokenizer.json"));

  const Checkpoint written = Checkpoint::open(model);
  expect_errors(result.metrics.at("layer_errors"), written,
                QuantizationConfig::parse(written.config(), "config.json"));
}

TEST(QuantizeRtnStage, TellsDeadScalesAndClippedWeights) {
  Runner plain, clipped;
  const auto first = plain.input("model", kTinyLlama).parameter("group_size", 32).run();
  const auto second =
      clipped.input("model", kTinyLlama).parameter("group_size", 32).parameter("clip", "mse").run();
  ASSERT_TRUE(first.ok() && second.ok());
  for (const auto& [module, share] : first.metrics.at("clipped_weights").items()) {
    EXPECT_EQ(share, 0.0) << module;
    EXPECT_EQ(first.metrics.at("dead_scales").at(module), 0) << module;
    EXPECT_GT(second.metrics.at("clipped_weights").at(module), 0.0) << module;
  }
  EXPECT_GT(first.metrics.at("phase_seconds").at("rounding"), 0.0);
}

TEST(QuantizeRtnStage, RotatesATiedModelIntoOneWithItsOwnHead) {
  Runner runner;
  const auto result = runner.input("model", kFixtures / "llama3")
                          .parameter("group_size", 32)
                          .parameter("rotate", "hadamard")
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  const auto model = ModelConfig::parse(written.config(), "config.json");
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_THAT(check_structure(written, model, config).problems, ::testing::IsEmpty());
}

TEST(QuantizeRtnStage, CarriesOverEveryFileBesideTheWeights) {
  const testing::TemporaryFolder folder;
  fs::copy(kTinyLlama, folder.path(), fs::copy_options::recursive);
  for (const char* name : {"generation_config.json", "chat_template.jinja", "added_tokens.json",
                           "special_tokens_map.json", "tokenizer.model", "LICENSE", "assets/card.md"}) {
    fs::create_directories((folder.path() / name).parent_path());
    testing::write_file(folder.path() / name, std::string("\n{ \"this is\":\t\"") + name + "\" }\r\n");
  }
  Runner runner;
  const auto result = runner.input("model", folder.path()).parameter("group_size", 32).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const fs::path model = result.outputs.at("model");
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    const fs::path name = entry.path().lexically_relative(folder.path());
    if (!entry.is_regular_file() || name == "config.json" || name.extension() == ".safetensors") continue;
    EXPECT_EQ(testing::read_file(model / name), testing::read_file(entry.path())) << name;
  }
}

TEST(QuantizeRtnStage, TheSameInputGivesTheSameBytesOnAnyNumberOfThreads) {
  Runner one, two;
  const auto a = one.input("model", kTinyLlama).parameter("group_size", 32).threads(1).run();
  const auto b = two.input("model", kTinyLlama).parameter("group_size", 32).threads(3).run();
  ASSERT_TRUE(a.ok() && b.ok());
  for (const char* file : {"model.safetensors", "config.json"}) {
    EXPECT_EQ(testing::read_file(a.outputs.at("model") / file),
              testing::read_file(b.outputs.at("model") / file))
        << file;
  }
  EXPECT_EQ(a.metrics.at("layer_errors"), b.metrics.at("layer_errors"));
}

TEST(QuantizeRtnStage, AGroupSizeThatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  Runner runner;  // 128 does not divide the 352 inputs of down_proj
  const auto result = runner.input("model", kTinyLlama).run();
  EXPECT_EQ(result.code, "invalid_parameter");
  EXPECT_EQ(result.where, "/group_size");
  EXPECT_THAT(result.message, HasSubstr("352 inputs of model.layers.0.mlp.down_proj"));
  EXPECT_THAT(result.hint, HasSubstr("sizes that fit: 8, 16, 32; or 0"));  // 64 and 128 do not divide 352
}

TEST(QuantizeRtnStage, IgnoredModulesStayAsTheyAre) {
  Runner runner;
  const auto result = runner.input("model", kTinyLlama)
                          .parameter("group_size", 0)
                          .parameter("bits", 8)
                          .parameter("ignore", {"lm_head", "re:.*down_proj"})
                          .run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
  EXPECT_EQ(written.tensor("model.layers.3.mlp.down_proj.weight").dtype, DType::BF16);
  EXPECT_EQ(written.find("model.layers.3.mlp.up_proj.weight"), nullptr);
  Runner wrong;
  EXPECT_EQ(wrong.input("model", kTinyLlama).parameter("ignore", {"lm_haed"}).run().where, "/ignore/0");
  Runner target;
  EXPECT_EQ(target.input("model", kTinyLlama).parameter("targets", {"*.qkv"}).run().where, "/targets/0");
  Runner everything;
  EXPECT_EQ(everything.input("model", kTinyLlama).parameter("ignore", {"*"}).run().where, "/ignore");
}

TEST(QuantizeRtnStage, EachTypeIsWrittenInItsFormatAndReadBack) {
  struct Case {
    const char* type;
    bool per_tensor;
    PackedFormat format;
    double largest_error;
  };
  for (const Case& c : {Case{"fp8", false, PackedFormat::FloatQuantized, 0.04},
                        Case{"fp8", true, PackedFormat::FloatQuantized, 0.04},
                        Case{"nf4", false, PackedFormat::BitsAndBytes4, 0.15},
                        Case{"int", true, PackedFormat::PackQuantized, 1.0}}) {
    Runner runner;
    const auto result = runner.input("model", kTinyLlama)
                            .parameter("type", c.type)
                            .parameter("group_size", 0)
                            .parameter("per_tensor", c.per_tensor)
                            .run();
    ASSERT_TRUE(result.ok()) << c.type << ": " << result.message;
    const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
    const auto config = QuantizationConfig::parse(written.config(), "config.json");
    ASSERT_EQ(config.schemes.size(), 1u);
    EXPECT_EQ(config.schemes.front().format, c.format);
    const auto report =
        require_structure(written, ModelConfig::parse(written.config(), "config.json"), config);
    EXPECT_EQ(report.quantized_modules, 28);
    EXPECT_LT(result.metrics.at("max_relative_error"), c.largest_error) << c.type;
    expect_errors(result.metrics.at("layer_errors"), written, config);
  }
}

TEST(QuantizeRtnStage, SixteenBitTypesArePlainModels) {
  for (const auto& [type, dtype] : {std::pair("fp16", DType::F16), std::pair("bf16", DType::BF16)}) {
    Runner runner;
    const auto result = runner.input("model", kTinyLlama).parameter("type", type).run();
    ASSERT_TRUE(result.ok()) << result.message;
    const Checkpoint written = Checkpoint::open(result.outputs.at("model"));
    EXPECT_TRUE(QuantizationConfig::parse(written.config(), "config.json").empty());
    EXPECT_EQ(ModelConfig::parse(written.config(), "config.json").dtype, dtype);
    const auto config = ::presswork::Json::parse(written.config());  // tiny-llama's has both spellings
    EXPECT_EQ(config.at("torch_dtype"), config.at("dtype"));
    EXPECT_EQ(written.tensor("model.layers.0.mlp.up_proj.weight").dtype, dtype);
    expect_errors(result.metrics.at("layer_errors"), written, {});
    EXPECT_EQ(result.metrics.at("bits_per_weight"), 16);
  }
}

TEST(QuantizeRtnStage, WhatATypeHasNotIsRefused) {
  const auto where = [](const char* name, const ::presswork::Json& value, const char* type) {
    Runner runner;
    return runner.input("model", kTinyLlama).parameter("type", type).parameter(name, value).run().where;
  };
  EXPECT_EQ(where("symmetric", false, "fp8"), "/symmetric");
  EXPECT_EQ(where("per_tensor", true, "nf4"), "/per_tensor");
  EXPECT_EQ(where("per_tensor", true, "int"), "/group_size");  // 128 by default
}

TEST(QuantizeRtnStage, FusedProjectionsAndExpertsAreQuantizedLikeAnyLinear) {
  for (const char* fixture : {"phi3-longrope", "mixtral", "gpt-neox", "qwen2-moe", "glm4-moe"}) {
    Runner runner;
    const auto result = runner.input("model", kFixtures / fixture)
                            .parameter("bits", 8)
                            .parameter("group_size", 0)
                            .parameter("ignore", ::presswork::Json::array())
                            .run();
    ASSERT_TRUE(result.ok()) << fixture << ": " << result.message;
    const Checkpoint written = Checkpoint::open(result.outputs.at("model")),
                     original = Checkpoint::open(kFixtures / fixture);
    const auto config = QuantizationConfig::parse(written.config(), "config.json");
    const auto model = ModelConfig::parse(written.config(), "config.json");
    const auto report = check_structure(written, model, config);
    EXPECT_THAT(report.problems, ::testing::IsEmpty()) << fixture;
    EXPECT_THAT(report.unexpected, ::testing::IsEmpty()) << fixture;
    for (const LinearSite& site : decoder_linears(model)) {
      ASSERT_NE(load_linear(written, config, site.module).grouped_int(), nullptr) << site.module;
      EXPECT_LT(result.metrics.at("layer_errors").at(site.module), 0.02) << site.module;
    }
    for (const LinearSite& site : decoder_routers(model)) {
      EXPECT_EQ(load_linear(written, config, site.module).dequantize(),
                load_linear(original, {}, site.module).dequantize());
    }
  }
}

TEST(QuantizeRtnStage, ANanIsNamedAndLeavesNoModel) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  std::string content = testing::read_file(folder.path() / "model.safetensors");
  const std::size_t data = content.size() - 2 * 5712;
  content.replace(data + 2 * 512, 2, "\xc0\x7f");  // after the embedding: the first weight of layer 0
  testing::write_file(folder.path() / "model.safetensors", content);
  Runner runner;
  const auto result = runner.input("model", folder.path()).parameter("group_size", 0).run();
  EXPECT_EQ(result.code, "not_finite");
  EXPECT_EQ(result.where, "model.layers.0.self_attn.q_proj.weight");
  EXPECT_TRUE(result.outputs.empty());
}

TEST(QuantizeRtnStage, ANanInAWeightThatIsOnlyCopiedIsNamedToo) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path());
  const std::string name = "model.layers.1.input_layernorm.weight";
  std::string content = testing::read_file(folder.path() / "model.safetensors");
  const Checkpoint whole = Checkpoint::open(folder.path());
  const std::size_t data = content.size() - whole.total_bytes();
  const auto* begin = whole.tensor(whole.names().front()).bytes.data();
  content.replace(data + static_cast<std::size_t>(whole.tensor(name).bytes.data() - begin), 2, "\xc0\x7f");
  testing::write_file(folder.path() / "model.safetensors", content);
  for (const char* type : {"int", "bf16"}) {
    Runner runner;
    const auto result =
        runner.input("model", folder.path()).parameter("group_size", 0).parameter("type", type).run();
    EXPECT_EQ(result.code, "not_finite") << type;
    EXPECT_EQ(result.where, name) << type;
    EXPECT_TRUE(result.outputs.empty());
  }
}

TEST(QuantizeRtnStage, ATargetThatIsMissingIsNotSkippedSilently) {
  const testing::TemporaryFolder folder;
  testing::write_tiny_model(folder.path(), testing::kTinyConfig,
                            [](auto& plan) { plan.erase(plan.begin() + 1); });
  Runner runner;
  const auto result = runner.input("model", folder.path()).parameter("group_size", 0).run();
  EXPECT_THAT(result.message, HasSubstr("self_attn.q_proj.weight is missing"));
}

TEST(QuantizeRtnStage, EstimatesWhatItNeeds) {
  Runner runner;
  const auto result = runner.input("model", kTinyLlama).parameter("group_size", 32).plan();
  EXPECT_GT(result.estimates.at("memory_bytes"), 0);
  EXPECT_GT(result.estimates.at("disk_bytes"), 1'000'000);
  EXPECT_THAT(result.estimates.at("notes").dump(), HasSubstr("quantizes 28 modules"));
  Runner without;
  EXPECT_EQ(without.plan().status, PW_UNSUPPORTED);
}

TEST(QuantizeRtnStage, StopsWhenCancelled) {
  Runner runner;
  EXPECT_EQ(runner.input("model", kTinyLlama).parameter("group_size", 32).cancel().run().status,
            PW_CANCELLED);
}

}  // namespace
}  // namespace presswork::modelkit
