// Quantized formats of other programs: files made by them, or by their packing loops (golden/make_packed.py).
#include <gmock/gmock.h>

#include "plugins/modelkit/checkpoint/bitsandbytes.h"
#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string config_with(const std::string& quantization) {
  return R"({"quantization_config": )" + quantization + "}";
}

class PackedFormats : public ::testing::Test {
 protected:
  // A folder whose weights are `tensors`, read with `quantization`.
  LinearWeight read(const std::string& quantization) const {
    checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(folder_.path()));
    return load_linear(*checkpoint_, QuantizationConfig::parse(config_with(quantization), "config.json"),
                       "m");
  }
  template <class Integer>
  static std::vector<std::byte> bytes(const std::vector<Integer>& values) {
    std::vector<std::byte> result(values.size() * sizeof(Integer));
    std::memcpy(result.data(), values.data(), result.size());
    return result;
  }
  struct Tensor {
    TensorPlan plan;
    std::vector<std::byte> bytes;
  };
  void write(const std::vector<Tensor>& tensors) const {
    testing::write_file(folder_.path() / "config.json", "{}");
    std::vector<TensorPlan> plan;
    for (const Tensor& tensor : tensors) plan.push_back(tensor.plan);
    SafetensorsWriter writer(folder_.path() / "model.safetensors", plan);
    for (const Tensor& tensor : tensors) writer.write(tensor.plan.name, tensor.bytes);
    writer.publish();
  }
  static Tensor words(const char* name, const Shape& shape, const std::vector<std::uint32_t>& values) {
    return {{name, DType::I32, shape}, bytes(values)};
  }
  static Tensor floats(const char* name, const Shape& shape, const std::vector<float>& values) {
    return {{name, DType::F32, shape}, bytes(values)};
  }

  testing::TemporaryFolder folder_;
  mutable std::unique_ptr<Checkpoint> checkpoint_;
};

class GoldenFormat : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenFormat, StandsForTheWeightsThatItsOwnProgramReads) {
  const testing::TemporaryFolder folder;
  fs::copy_file(testing::golden(("packed_" + GetParam() + ".safetensors").c_str()),
                folder.path() / "model.safetensors");
  testing::write_file(folder.path() / "config.json", "{}");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const SafetensorsFile file(folder.path() / "model.safetensors");
  const auto quantization =
      QuantizationConfig::parse(config_with(file.metadata().at("config")), "config.json");
  const LinearWeight weight = load_linear(checkpoint, quantization, "m");
  const TensorView& expected = checkpoint.tensor("expected");
  ASSERT_EQ(Shape({weight.out, weight.in}), expected.shape);
  const auto wanted = testing::values<float>(expected), got = weight.dequantize();
  EXPECT_EQ(got, wanted);  // bit for bit

  std::vector<float> rows(static_cast<std::size_t>(3 * weight.in));
  weight.dequantize(5, 8, rows.data());
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), wanted.begin() + 5 * weight.in));

  for (const StoredPart& part : stored_parts("m", weight.out, weight.in, *quantization.scheme_for("m"))) {
    const TensorView* view = checkpoint.find(part.name);
    ASSERT_TRUE(view != nullptr || !part.required) << part.name;
    if (view == nullptr) continue;
    EXPECT_EQ(view->shape, part.shape.value_or(view->shape)) << part.name;
    EXPECT_EQ(view->dtype, part.dtype.value_or(view->dtype)) << part.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenFormat,
                         ::testing::Values("gptq4", "gptq4_order", "gptq4_ragged", "gptq8", "gptq2_v2",
                                           "gptq3_v2", "gptq4_v2", "awq", "nf4", "nf4_nested", "fp4",
                                           "float8", "float8_tensor", "float8_block", "fp8"));

const std::string kGptq = R"({"quant_method":"gptq","bits":4,"group_size":-1,"sym":true,"desc_act":false)";

TEST_F(PackedFormats, TheCheckVectorsOfGptqAreMet) {
  // A column of 0..15, the word of version 1 for a zero of 8, and that of version 2.
  std::vector<std::uint32_t> column(2 * 8);
  for (std::size_t c = 0; c < 8; ++c) {
    column[c] = 0x76543210;
    column[8 + c] = 0xfedcba98;
  }
  std::vector<float> expected(16);
  for (int i = 0; i < 16; ++i) expected[static_cast<std::size_t>(i)] = static_cast<float>(i - 8) * 0.5F;
  const auto with = [&](std::uint32_t zeros, const char* version) {
    write({words("m.qweight", {2, 8}, column), words("m.qzeros", {1, 1}, {zeros}),
           floats("m.scales", {1, 8}, std::vector<float>(8, 0.5F))});
    const auto got = read(kGptq + version + "}").dequantize();
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), got.begin())) << version;
  };
  with(0x77777777, R"(,"checkpoint_format":"gptq")");
  with(0x77777777, "");
  with(0x88888888, R"(,"checkpoint_format":"gptq_v2")");
}

TEST_F(PackedFormats, AZeroOfZeroThatWrappedInVersionOneIsZero) {
  write({words("m.qweight", {1, 8}, std::vector<std::uint32_t>(8, 0x76543210)),
         words("m.qzeros", {1, 1}, {0xffffffff}), floats("m.scales", {1, 8}, std::vector<float>(8, 1.0F))});
  const auto got = read(kGptq + "}").dequantize();
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(got[i], static_cast<float>(i));
}

TEST_F(PackedFormats, TheCheckVectorOfAwqIsMet) {
  write({words("m.qweight", {1, 1}, {0x75316420}), words("m.qzeros", {1, 1}, {0}),
         floats("m.scales", {1, 8}, std::vector<float>(8, 1.0F))});
  const auto got = read(R"({"quant_method":"awq","bits":4,"group_size":-1,"version":"gemm"})").dequantize();
  EXPECT_EQ(got, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(PackedFormats, TheCheckVectorsOfNf4AreMet) {
  for (std::uint8_t code = 0; code < 16; ++code) EXPECT_EQ(nf4_code(kNf4[code]), code);
  EXPECT_EQ(nf4_code(0.5F), 12);  // FORMATS.md: [1, -1, 0, 0.5] packs to f0 7c
  EXPECT_EQ(nf4_code(0.0F), 7);
}

TEST_F(PackedFormats, WhatDoesNotFitTogetherIsAnErrorThatNamesTheTensor) {
  const std::vector<float> scales(8, 1.0F);
  const std::vector<std::uint32_t> q(8, 0);
  const auto problem = [&](const std::string& config) {
    const auto error = testing::error_of([&] { read(config); });
    return error ? error->message : "";
  };
  write(
      {words("m.qweight", {1, 8}, q), words("m.qzeros", {1, 2}, {0, 0}), floats("m.scales", {1, 8}, scales)});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("m.qzeros"));
  write({words("m.qweight", {1, 8}, q), floats("m.scales", {1, 8}, scales)});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("m.qzeros"));
  write({words("m.qweight", {1, 8}, q), words("m.qzeros", {1, 1}, {0}), floats("m.scales", {2, 4}, scales)});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("m.scales"));
  write({words("m.qweight", {1, 8}, q), words("m.qzeros", {1, 1}, {0}), floats("m.scales", {1, 8}, scales),
         words("m.g_idx", {8}, {0, 0, 0, 0, 0, 0, 0, 7})});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("group 7 of 1"));
  write({floats("m.qweight", {1, 8}, scales)});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("m.qweight"));
  EXPECT_THAT(problem(R"({"quant_method":"awq","group_size":1})"), HasSubstr("m.qweight"));
  std::vector<float> poisoned = scales;
  poisoned[3] = std::numeric_limits<float>::infinity();
  write(
      {words("m.qweight", {1, 8}, q), words("m.qzeros", {1, 1}, {0}), floats("m.scales", {1, 8}, poisoned)});
  EXPECT_THAT(problem(kGptq + "}"), HasSubstr("element 3"));
}

TEST_F(PackedFormats, AStateOfBitsandbytesThatClaimsTooMuchIsRefusedBeforeAnythingIsAllocated) {
  const std::string bnb = R"({"quant_method":"bitsandbytes","load_in_4bit":true})";
  const auto with = [&](const std::string& state) {
    std::vector<std::byte> text(state.size());
    std::memcpy(text.data(), state.data(), state.size());
    write({{{"m.weight", DType::U8, {4, 1}}, std::vector<std::byte>(4)},
           floats("m.weight.absmax", {1}, {1.0F}),
           floats("m.weight.quant_map", {16}, std::vector<float>(16, 0.0F)),
           {{"m.weight.quant_state.bitsandbytes__nf4", DType::U8, {static_cast<std::int64_t>(text.size())}},
            text}});
    return testing::error_of([&] { read(bnb); });
  };
  EXPECT_FALSE(with(R"({"blocksize":64,"shape":[2,4]})"));
  EXPECT_TRUE(with(R"({"blocksize":64,"shape":[1073741824,1073741824]})"));
  EXPECT_TRUE(with(R"({"blocksize":0,"shape":[2,4]})"));
  EXPECT_TRUE(with(R"({"blocksize":64,"shape":[-2,-4]})"));
  EXPECT_TRUE(with(R"({"blocksize":64,"shape":[2,4],"nested_blocksize":256})"));
  EXPECT_TRUE(with("{"));
}

TEST_F(PackedFormats, MethodsThatAreNotReadAreAnsweredWithThoseThatAre) {
  for (const char* config :
       {R"({"quant_method":"gptq","bits":5})", R"({"quant_method":"gptq","checkpoint_format":"marlin"})",
        R"({"quant_method":"awq","version":"gemv"})", R"({"quant_method":"awq","bits":3})",
        R"({"quant_method":"bitsandbytes","load_in_8bit":true})", R"({"quant_method":"eetq"})"}) {
    const auto error =
        testing::error_of([&] { QuantizationConfig::parse(config_with(config), "config.json"); });
    ASSERT_TRUE(error) << config;
    EXPECT_EQ(error->code, "unsupported") << config;
    EXPECT_THAT(error->hint, HasSubstr("supported")) << config;
  }
}

TEST_F(PackedFormats, BlocksOfEightBitFloatsMustFitTheirScales) {
  const auto problem = [&](const std::string& block) {
    const auto error =
        testing::error_of([&] { read(R"({"quant_method":"fp8","weight_block_size":)" + block + "}"); });
    return error ? error->message : "";
  };
  write({{{"m.weight", DType::F8_E4M3, {4, 8}}, std::vector<std::byte>(32, std::byte{0x38})},
         floats("m.weight_scale_inv", {2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(problem("[2, 4]"), "");
  EXPECT_THAT(problem("[2, 8]"), HasSubstr("m.weight_scale_inv"));
  EXPECT_THAT(problem("null"), HasSubstr("m.weight_scale_inv"));
  write({{{"m.weight", DType::F8_E4M3, {4, 0}}, {}}, floats("m.weight_scale_inv", {1}, {1})});
  EXPECT_THAT(problem("null"), HasSubstr("empty"));
  for (const char* block : {"[0, 4]", "[2]", "[2, -4]", "[2, 1e300]"}) EXPECT_NE(problem(block), "") << block;
}

TEST_F(PackedFormats, ModulesThatWereNotConvertedAreReadPlain) {
  write({floats("m.weight", {2, 2}, {1, 2, 3, 4})});
  EXPECT_NE(read(kGptq + "}").dense(), nullptr);
  EXPECT_NE(read(R"({"quant_method":"bitsandbytes","load_in_4bit":true})").dense(), nullptr);
}

}  // namespace
}  // namespace presswork::modelkit
