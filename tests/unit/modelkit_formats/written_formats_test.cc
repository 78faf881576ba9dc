// What is written in the formats of other programs, against files that these, or their packing loops, made
// (golden/make_packed.py).
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/bitsandbytes.h"
#include "plugins/modelkit/checkpoint/format_limits.h"
#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class GoldenRoundTrip : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenRoundTrip, TheBytesAreThoseOfTheOtherProgram) {
  const testing::TemporaryFolder folder;
  fs::copy_file(testing::golden(("packed_" + GetParam() + ".safetensors").c_str()),
                folder.path() / "model.safetensors");
  testing::write_file(folder.path() / "config.json", "{}");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const SafetensorsFile file(folder.path() / "model.safetensors");
  const auto quantization = QuantizationConfig::parse(
      R"({"quantization_config": )" + file.metadata().at("config") + "}", "config.json");
  const QuantizationScheme scheme = *quantization.scheme_for("m");
  const LinearWeight weight = load_linear(checkpoint, quantization, "m");
  EXPECT_EQ(misfit(scheme.format, weight), "");

  const auto plan = written_plan("m", weight.out, weight.in, scheme, DType::F32);
  const auto data = written_data("m", weight, scheme, DType::F32);
  ASSERT_EQ(plan.size(), data.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    ASSERT_EQ(plan[i].name, data[i].name);
    const TensorView* theirs = checkpoint.find(plan[i].name);
    ASSERT_NE(theirs, nullptr) << plan[i].name;
    EXPECT_EQ(plan[i].dtype, theirs->dtype) << plan[i].name;
    EXPECT_EQ(plan[i].byte_count(), data[i].bytes.size()) << plan[i].name;
    if (plan[i].name.find("quant_state") != std::string::npos) {  // JSON: the same keys and values
      EXPECT_EQ(Json::parse(testing::values<char>(*theirs)),
                Json::parse(reinterpret_cast<const char*>(data[i].bytes.data()),
                            reinterpret_cast<const char*>(data[i].bytes.data() + data[i].bytes.size())));
      continue;
    }
    EXPECT_EQ(plan[i].shape, theirs->shape) << plan[i].name;
    EXPECT_EQ(data[i].bytes, (std::vector<std::byte>{theirs->bytes.begin(), theirs->bytes.end()}))
        << plan[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenRoundTrip,
                         ::testing::Values("gptq4", "gptq8", "gptq2_v2", "gptq3_v2", "gptq4_v2", "awq", "nf4",
                                           "float8", "float8_tensor"));

LinearWeight integers(std::int64_t out, std::int64_t in, const GroupedIntWeight& like) {
  GroupedIntWeight ints = like;
  const std::int64_t groups = like.group_size == 0 ? 1 : (in + like.group_size - 1) / like.group_size;
  ints.q.assign(static_cast<std::size_t>(out * in), 0);
  ints.scales.assign(static_cast<std::size_t>(out * groups), 0.25F);
  if (!like.symmetric) ints.zeros.assign(ints.scales.size(), 1);
  return {out, in, std::move(ints)};
}

GroupedIntWeight like(int bits, std::int64_t group, bool symmetric) {
  return {.bits = bits,
          .group_size = group,
          .symmetric = symmetric,
          .q = {},
          .scales = {},
          .zeros = {},
          .group_of_input = {}};
}

TEST(FormatLimits, EachFormatIsOfferedForWhatItHolds) {
  EXPECT_EQ(formats_that_hold(integers(32, 64, like(4, 32, true))), "pack-quantized, gptq, gptq_v2, awq");
  EXPECT_EQ(formats_that_hold(integers(32, 64, like(4, 32, false))), "pack-quantized, gptq_v2, awq");
  EXPECT_EQ(formats_that_hold(integers(32, 64, like(8, 0, true))),
            "pack-quantized, int-quantized, gptq, gptq_v2");
  EXPECT_EQ(formats_that_hold(integers(32, 64, like(5, 0, true))), "pack-quantized");
  EXPECT_EQ(formats_that_hold(integers(12, 48, like(4, 16, true))), "pack-quantized");
}

TEST(FormatLimits, TheReasonNamesWhatDoesNotFit) {
  EXPECT_THAT(misfit(PackedFormat::AwqGemm, integers(32, 64, like(8, 32, true))), HasSubstr("8 bits"));
  EXPECT_THAT(misfit(PackedFormat::AwqGemm, integers(12, 64, like(4, 32, true))), HasSubstr("by eights"));
  EXPECT_THAT(misfit(PackedFormat::Gptq, integers(32, 64, like(4, 32, false))), HasSubstr("asymmetric"));
  EXPECT_THAT(misfit(PackedFormat::GptqV2, integers(48, 64, like(4, 32, true))), HasSubstr("48"));
  EXPECT_THAT(misfit(PackedFormat::IntQuantized, integers(32, 64, like(8, 32, true))), HasSubstr("groups"));
  EXPECT_THAT(misfit(PackedFormat::BitsAndBytes4, integers(32, 64, like(4, 32, true))), HasSubstr("NF4"));
  EXPECT_THAT(misfit(PackedFormat::FloatQuantized, integers(32, 64, like(8, 0, true))), HasSubstr("E4M3"));
}

TEST(FormatLimits, ScalesThatFloat16CannotHoldAreRefusedNotRounded) {
  LinearWeight weight = integers(32, 64, like(4, 32, true));
  std::get<GroupedIntWeight>(weight.form).scales[3] = 0.1F;
  for (const PackedFormat format : {PackedFormat::Gptq, PackedFormat::GptqV2, PackedFormat::AwqGemm})
    EXPECT_THAT(misfit(format, weight), HasSubstr("scale_dtype: float16"));
  EXPECT_EQ(formats_that_hold(weight), "pack-quantized");
}

TEST(FormatLimits, QuantizedInputsAreSaidByIntQuantizedAlone) {
  LinearWeight weight = integers(32, 64, like(8, 0, true));
  weight.inputs = Int8Inputs{.dynamic = false, .symmetric = true, .grid = {.scale = 0.5F}};
  EXPECT_EQ(formats_that_hold(weight), "int-quantized");
  EXPECT_THAT(misfit(PackedFormat::PackQuantized, weight), HasSubstr("inputs"));
}

TEST(FormatLimits, AnOrderOfInputsIsKeptByGptqAlone) {
  LinearWeight weight = integers(32, 64, like(4, 32, false));
  auto& index = std::get<GroupedIntWeight>(weight.form).group_of_input;
  for (int i = 0; i < 64; ++i) index.push_back(i % 2);
  EXPECT_EQ(formats_that_hold(weight), "gptq_v2");
  const auto data = written_data(
      "m", weight, {.format = PackedFormat::GptqV2, .bits = 4, .group_size = 32, .targets = {}}, DType::F32);
  EXPECT_EQ(data.back().name, "m.g_idx");
  EXPECT_EQ(data.back().bytes, to_bytes(index));
}

TEST(FormatLimits, AnUnknownFormatIsAnsweredWithThoseThatThereAre) {
  const auto error = testing::error_of([] { written_format("exl2"); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->hint, HasSubstr("gptq_v2"));
}

Json written_config(const QuantizationScheme& scheme, const std::vector<std::string>& ignore = {"lm_head"}) {
  QuantizationConfig config;
  config.schemes = {scheme};
  config.schemes.front().targets = {"Linear"};
  config.ignore = ignore;
  return Json::parse(config.merged_into(R"({"dtype": "bfloat16"})", "config.json")).at("quantization_config");
}

// FORMATS of AutoGPTQ, AutoAWQ and transformers' BitsAndBytesConfig.
TEST(WrittenConfig, HasTheKeysThatTheReadersOfEachMethodKnow) {
  EXPECT_EQ(written_config({.format = PackedFormat::Gptq, .bits = 4, .group_size = 128, .targets = {}}),
            Json::parse(R"({"bits":4,"group_size":128,"damp_percent":0.01,"desc_act":false,
      "static_groups":false,"sym":true,"true_sequential":true,"quant_method":"gptq","checkpoint_format":"gptq",
      "lm_head":false,"model_name_or_path":null,"model_file_base_name":null})"));
  EXPECT_EQ(written_config({.format = PackedFormat::AwqGemm, .bits = 4, .group_size = 0, .targets = {}}),
            Json::parse(R"({"quant_method":"awq","zero_point":true,"group_size":-1,"bits":4,"version":"gemm",
      "modules_to_not_convert":null})"));
  EXPECT_EQ(written_config({.format = PackedFormat::BitsAndBytes4, .targets = {}}),
            Json::parse(R"({"quant_method":"bitsandbytes","load_in_4bit":true,"load_in_8bit":false,
      "_load_in_4bit":true,"_load_in_8bit":false,"bnb_4bit_quant_type":"nf4","bnb_4bit_use_double_quant":false,
      "bnb_4bit_compute_dtype":"bfloat16","bnb_4bit_quant_storage":"uint8",
      "llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,"llm_int8_skip_modules":null,
      "llm_int8_threshold":6.0})"));
}

TEST(WrittenConfig, NamesWhatIsKeptInsideTheLayers) {
  const std::vector<std::string> kept = {"model.layers.0.mlp.down_proj", "lm_head"};
  EXPECT_EQ(written_config({.format = PackedFormat::GptqV2, .targets = {}}, kept).at("dynamic"),
            Json::parse(R"({"-:model\\.layers\\.0\\.mlp\\.down_proj$": {}})"));
  EXPECT_EQ(
      written_config({.format = PackedFormat::AwqGemm, .targets = {}}, kept).at("modules_to_not_convert"),
      Json(kept));
  EXPECT_EQ(written_config({.format = PackedFormat::BitsAndBytes4, .targets = {}}, kept)
                .at("llm_int8_skip_modules"),
            Json(kept));
}

TEST(WrittenConfig, IsReadBackAsWhatItWas) {
  for (const WrittenFormat& format : written_formats()) {
    QuantizationScheme scheme{.format = format.format, .bits = 4, .group_size = 32, .targets = {}};
    if (format.format == PackedFormat::IntQuantized || format.format == PackedFormat::FloatQuantized) {
      scheme.bits = 8;
      scheme.group_size = 0;
      scheme.per_tensor = true;
    } else if (format.format == PackedFormat::AwqGemm) {
      scheme.symmetric = false;
    } else if (format.format == PackedFormat::BitsAndBytes4) {
      scheme = {.format = format.format, .targets = {}};
    }
    scheme.targets = {"Linear"};
    QuantizationConfig config;
    config.schemes = {scheme};
    const auto back = QuantizationConfig::parse(config.merged_into("{}", "config.json"), "config.json");
    ASSERT_EQ(back.schemes.size(), 1u) << format.name;
    EXPECT_EQ(back.schemes.front(), scheme) << format.name;
  }
}

}  // namespace
}  // namespace presswork::modelkit
