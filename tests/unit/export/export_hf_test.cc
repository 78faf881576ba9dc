#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../modelkit_formats/support.h"
#include "plugins/export/hf.cc"  // the stage is nowhere else
#include "plugins/modelkit/quantize/float_rounding.h"
#include "presswork/testing.hpp"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<ExportHf>;
namespace fs = std::filesystem;

const fs::path kTinyLlama = fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama";

// tiny-llama with these grids, one module after another; scales are float16.
fs::path quantized(const fs::path& folder, std::vector<QuantizationGrid> grids,
                   const std::vector<std::string>& ignore = {"lm_head"}) {
  const Checkpoint source = Checkpoint::open(kTinyLlama);
  const ModelConfig model = ModelConfig::parse(source.config(), source.config_path());
  const QuantizationTargets targets = select_targets(model, ignore);
  std::vector<QuantizationScheme> schemes;
  for (QuantizationGrid& grid : grids) {
    grid.scale_dtype = DType::F16;
    schemes.push_back(
        {.bits = grid.bits, .group_size = grid.group_size, .symmetric = grid.symmetric, .targets = {}});
  }
  std::map<std::string, QuantizationGrid> grid_of;
  for (std::size_t i = 0; i < targets.modules.size(); ++i) {
    const std::string& module = targets.modules[i].module;
    schemes[i % grids.size()].targets.push_back(module);
    grid_of[module] = grids[i % grids.size()];
  }
  ThreadPool threads(2);
  QuantizedCheckpoint result(source, targets, schemes, DType::F32, folder);
  for (const auto& step : result.steps()) {
    if (step.module) {
      result.write(
          step.name,
          quantize_rtn(load_linear(source, {}, step.name), grid_of.at(step.name), step.name, threads).weight);
    } else {
      result.copy(step.name);
    }
  }
  result.finish();
  return folder;
}

template <class Round>
fs::path rounded(const fs::path& folder, const QuantizationScheme& scheme, DType dtype, const Round& round) {
  const Checkpoint source = Checkpoint::open(kTinyLlama);
  const ModelConfig model = ModelConfig::parse(source.config(), source.config_path());
  QuantizedCheckpoint result(source, select_targets(model, {"lm_head"}), scheme, dtype, folder);
  for (const auto& step : result.steps()) {
    if (step.module) {
      result.write(step.name, round(load_linear(source, {}, step.name), step.name));
    } else {
      result.copy(step.name);
    }
  }
  result.finish();
  return folder;
}

void expect_same_weights(const fs::path& a, const fs::path& b) {
  const ModelSource left = ModelSource::open(a), right = ModelSource::open(b);
  for (const LinearSite& site : decoder_linears(left.config())) {
    EXPECT_EQ(right.linear(site.module).dense(), nullptr) << site.module;
    EXPECT_EQ(left.linear(site.module).dequantize(), right.linear(site.module).dequantize()) << site.module;
  }
  const std::string embedding = "model.embed_tokens.weight";
  EXPECT_EQ(testing::values<std::byte>(left.checkpoint().tensor(embedding)),
            testing::values<std::byte>(right.checkpoint().tensor(embedding)));
  const auto report = check_structure(right.checkpoint(), right.config(), right.quantization());
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
  EXPECT_THAT(report.unexpected, ::testing::IsEmpty());
}

nlohmann::json config_of(const fs::path& model) {
  return nlohmann::json::parse(testing::read_file(model / "config.json")).at("quantization_config");
}

class ExportHfStage : public ::testing::Test {
 protected:
  ::presswork::testing::Result run(const fs::path& model, const std::string& format) {
    runners_.push_back(std::make_unique<Runner>());
    return runners_.back()->input("model", model).parameter("format", format).run();
  }
  testing::TemporaryFolder folder_;
  std::vector<std::unique_ptr<Runner>> runners_;  // own the folders of their results
};

TEST_F(ExportHfStage, EachFormatKeepsEachWeightToTheBit) {
  const auto symmetric = quantized(folder_.path() / "sym", {{.bits = 4, .group_size = 32}});
  const auto asymmetric =
      quantized(folder_.path() / "asym", {{.bits = 4, .group_size = 16, .symmetric = false}});
  const auto bytes = quantized(folder_.path() / "bytes", {{.bits = 8}});
  const auto three = quantized(folder_.path() / "three", {{.bits = 3, .group_size = 32, .symmetric = false}});
  const std::pair<fs::path, const char*> cases[] = {{symmetric, "pack-quantized"},
                                                    {symmetric, "gptq"},
                                                    {symmetric, "gptq_v2"},
                                                    {symmetric, "awq"},
                                                    {asymmetric, "awq"},
                                                    {asymmetric, "gptq_v2"},
                                                    {bytes, "int-quantized"},
                                                    {bytes, "gptq"},
                                                    {three, "gptq_v2"},
                                                    {three, "pack-quantized"}};
  for (const auto& [model, format] : cases) {
    const auto result = run(model, format);
    ASSERT_TRUE(result.ok()) << format << ": " << result.message;
    expect_same_weights(model, result.outputs.at("model"));
    EXPECT_EQ(result.metrics.at("quantized_tensors"), 28) << format;
    EXPECT_EQ(result.metrics.at("bytes"), fs::file_size(result.outputs.at("model") / "model.safetensors"));
  }
}

TEST_F(ExportHfStage, AnyFormatThatIsWrittenIsAnInputToo) {
  const auto model = quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32}});
  fs::path last = model;
  for (const char* format : {"gptq", "awq", "gptq_v2", "pack-quantized"}) {
    const auto result = run(last, format);
    ASSERT_TRUE(result.ok()) << format << ": " << result.message;
    last = result.outputs.at("model");
    expect_same_weights(model, last);
    EXPECT_EQ(fs::exists(last / "quantize_config.json"), std::string(format).starts_with("gptq")) << format;
  }
}

TEST_F(ExportHfStage, EightBitFloatsAndNf4GoToTheirFormats) {
  ThreadPool threads(2);
  const auto nf4 = rounded(folder_.path() / "nf4", {.format = PackedFormat::BitsAndBytes4, .targets = {}},
                           DType::BF16, [&](const LinearWeight& w, const std::string& name) {
                             return round_to_nf4(w, Clipping::MinMax, name, threads).weight;
                           });
  const auto fp8 = rounded(
      folder_.path() / "fp8",
      {.format = PackedFormat::FloatQuantized, .bits = 8, .per_tensor = true, .targets = {}}, DType::F32,
      [&](const LinearWeight& w, const std::string& name) {
        return round_to_float8(w, Sharing::Tensor, Clipping::MinMax, DType::F32, name, threads).weight;
      });
  const auto a = run(nf4, "nf4"), b = run(fp8, "float-quantized");
  ASSERT_TRUE(a.ok() && b.ok()) << a.message << b.message;
  expect_same_weights(nf4, a.outputs.at("model"));
  expect_same_weights(fp8, b.outputs.at("model"));
  EXPECT_EQ(config_of(b.outputs.at("model")).at("config_groups").at("group_0").at("weights").at("strategy"),
            "tensor");
  EXPECT_THAT(run(nf4, "awq").hint, HasSubstr("nf4"));
  EXPECT_THAT(run(fp8, "gptq").hint, HasSubstr("float-quantized"));
}

TEST_F(ExportHfStage, WhatAFormatCannotHoldIsRefusedByNameAndWithTheFormatsThatCan) {
  const auto model = quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32, .symmetric = false}});
  const auto result = run(model, "gptq");
  EXPECT_EQ(result.code, "unsupported");
  EXPECT_EQ(result.where, "/format");
  EXPECT_THAT(result.message, HasSubstr("model.layers.0.self_attn.q_proj"));
  EXPECT_THAT(result.message, HasSubstr("asymmetric"));
  EXPECT_THAT(result.hint, HasSubstr("pack-quantized, gptq_v2, awq"));
  EXPECT_TRUE(result.outputs.empty());
}

TEST_F(ExportHfStage, SeveralWidthsAreForCompressedTensorsAlone) {
  const auto model = quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32}, {.bits = 8}});
  const auto refused = run(model, "gptq");
  EXPECT_THAT(refused.message, HasSubstr("one width, group size"));
  EXPECT_THAT(refused.hint, HasSubstr("pack-quantized"));
  const auto written = run(model, "pack-quantized");
  ASSERT_TRUE(written.ok()) << written.message;
  expect_same_weights(model, written.outputs.at("model"));
  EXPECT_EQ(config_of(written.outputs.at("model")).at("config_groups").size(), 2u);
}

TEST_F(ExportHfStage, AModuleWithoutZeroPointsStandsBesideOnesThatHaveThem) {
  const auto model = quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32},
                                                      {.bits = 4, .group_size = 32, .symmetric = false}});
  for (const char* format : {"pack-quantized", "awq", "gptq_v2"}) {
    const auto result = run(model, format);
    ASSERT_TRUE(result.ok()) << result.message;
    expect_same_weights(model, result.outputs.at("model"));
  }
}

TEST_F(ExportHfStage, KeptModulesStayPlainAndAreNamedToReaders) {
  const auto model =
      quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32}}, {"lm_head", "*.down_proj"});
  for (const char* format : {"gptq", "awq", "pack-quantized"}) {
    const auto result = run(model, format);
    ASSERT_TRUE(result.ok()) << result.message;
    const ModelSource written = ModelSource::open(result.outputs.at("model"));
    EXPECT_NE(written.linear("model.layers.1.mlp.down_proj").dense(), nullptr);
    EXPECT_THAT(config_of(result.outputs.at("model")).dump(), HasSubstr("down_proj")) << format;
  }
}

TEST_F(ExportHfStage, AQuantizedHeadIsSaidToGptqAndRefusedByAwq) {
  const auto model = quantized(folder_.path() / "m", {{.bits = 4, .group_size = 32}}, {});
  const auto gptq = run(model, "gptq");
  ASSERT_TRUE(gptq.ok()) << gptq.message;
  EXPECT_EQ(config_of(gptq.outputs.at("model")).at("lm_head"), true);
  EXPECT_THAT(run(model, "awq").message, HasSubstr("lm_head"));
}

TEST_F(ExportHfStage, APlainModelIsToldToBeQuantizedFirst) {
  const auto result = run(kTinyLlama, "gptq");
  EXPECT_THAT(result.message, HasSubstr("no quantized weights"));
  EXPECT_THAT(result.hint, HasSubstr("quantize/rtn"));
}

TEST_F(ExportHfStage, EstimatesWhatItNeeds) {
  Runner runner;
  const auto result = runner.input("model", kTinyLlama).parameter("format", "gptq").plan();
  EXPECT_GT(result.estimates.at("memory_bytes"), 0);
  EXPECT_GT(result.estimates.at("disk_bytes"), 0);
}

}  // namespace
}  // namespace presswork::modelkit
