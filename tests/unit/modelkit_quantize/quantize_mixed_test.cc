#include <gmock/gmock.h>

#include "plugins/quantization/mixed.cc"  // the stage is nowhere else
#include "small_job.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Runner = ::presswork::testing::StageRunner<QuantizeMixed>;
namespace fs = std::filesystem;

Runner& small(Runner& runner) {
  return small_job(runner)
      .parameter("group_size", 32)
      .parameter("sensitivity_windows", 2)
      .parameter("precisions", {3, 4, 6});
}

TEST(QuantizeMixedStage, KeepsWithinTheSizeOfUniformBitsAndPredictsLessLoss) {
  Runner runner;
  const auto result = small(runner).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto& metrics = result.metrics;
  EXPECT_LT(metrics.at("predicted_divergence"), metrics.at("uniform_divergence").get<double>());
  const Checkpoint written = Checkpoint::open(result.outputs.at("model")),
                   original = Checkpoint::open(kTinyLlama);
  const auto config = QuantizationConfig::parse(written.config(), "config.json");
  const auto model = ModelConfig::parse(written.config(), "config.json");
  EXPECT_THAT(check_structure(written, model, config).problems, ::testing::IsEmpty());
  EXPECT_GE(config.schemes.size(), 2U);
  std::uint64_t taken = 0, uniform = 0;
  std::set<int> used;
  double predicted = 0;
  for (const LinearSite& site : decoder_linears(model)) {
    const int bits = metrics.at("precisions").at(site.module);
    EXPECT_EQ(config.scheme_for(site.module)->bits, bits);
    EXPECT_EQ(load_linear(written, config, site.module).grouped_int()->bits, bits);
    used.insert(bits);
    predicted += metrics.at("sensitivities").at(site.module).at(std::to_string(bits)).get<double>();
    for (const char* part : {".weight_packed", ".weight_shape", ".weight_scale"})
      taken += written.tensor(site.module + part).bytes.size();
    uniform += static_cast<std::uint64_t>(site.out * site.in) / 2 + 16 +
               static_cast<std::uint64_t>(site.out * site.in) / 32 * 4;
  }
  EXPECT_LE(taken, uniform);
  EXPECT_EQ(metrics.at("limit_bytes"), uniform);
  EXPECT_GE(used.size(), 2U);
  EXPECT_NEAR(metrics.at("predicted_divergence").get<double>(), predicted, 1e-9);
}

TEST(QuantizeMixedStage, SensitivityIsTheDivergenceWithThatLinearRoundedAlone) {
  Runner runner;
  const auto result = small(runner).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const std::string module = "model.layers.2.mlp.down_proj";
  const ModelSource source = ModelSource::open(kTinyLlama);
  const Sampling sampling{.length = 64, .samples = 2};
  const CalibrationSet set = calibration_set(Tokenizer::open(kTinyLlama), kText, sampling);
  const auto compute = make_cpu_compute(1);
  Transformer model(*compute, source);
  // All logits, and the sum over the vocabulary written out in float64.
  const auto logits = [&](bool rounded) {
    const Matrix states = model.embed(set.windows.ids(), 64);
    for (std::int64_t i = 0; i < model.layers(); ++i) {
      DecoderLayer layer = model.layer(i);
      if (rounded && i == 2) {
        ThreadPool threads(1);
        layer.replace("mlp.down_proj",
                      quantize_rtn(source.linear(module), {3, 32, true, DType::F32}, module, threads).weight);
      }
      layer.forward(states, 64, model.rope());
    }
    model.final_norm(states);
    const Matrix out = model.logits(states);
    std::vector<float> values(out.rows * out.cols);
    compute->read(out, values);
    return values;
  };
  const auto b = logits(false), m = logits(true);
  const std::size_t rows = 128, vocabulary = b.size() / rows;
  double sum = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    double b_sum = 0, m_sum = 0, cross = 0;
    for (std::size_t v = r * vocabulary; v < (r + 1) * vocabulary; ++v) {
      b_sum += std::exp(static_cast<double>(b[v]));
      m_sum += std::exp(static_cast<double>(m[v]));
      cross += std::exp(static_cast<double>(b[v])) * (static_cast<double>(b[v]) - m[v]);
    }
    sum += cross / b_sum - std::log(b_sum) + std::log(m_sum);
  }
  EXPECT_NEAR(result.metrics.at("sensitivities").at(module).at("3").get<double>(), sum / rows, 2e-6);
}

TEST(QuantizeMixedStage, TheSameSizeForAllIsWhatOnePrecisionGives) {
  Runner runner;
  const auto result = small(runner).parameter("precisions", {4}).parameter("bits_per_weight", 4.5).run();
  ASSERT_TRUE(result.ok()) << result.message;
  for (const auto& [module, bits] : result.metrics.at("precisions").items()) EXPECT_EQ(bits, 4) << module;
  EXPECT_EQ(result.metrics.at("predicted_divergence"), result.metrics.at("uniform_divergence"));
}

// The scratch folder as an attempt leaves it that dies after five linears.
TEST(QuantizeMixedStage, WhatWasMeasuredBeforeAnAttemptDiedIsTakenAndTheResultIsTheSame) {
  Runner runner;
  const auto expected = small(runner).run();
  ASSERT_TRUE(expected.ok()) << expected.message;
  const std::string bytes = weights_of(expected.outputs.at("model"));
  fs::path scratch = expected.outputs.at("model");
  while (!fs::exists(scratch / "scratch")) scratch = scratch.parent_path();
  scratch /= "scratch";
  const auto leave = [&](const ::presswork::Json& linears) {
    fs::remove_all(scratch / "layers");
    testing::write_file(scratch / "sensitivity.json", linears.dump());
  };
  auto measured = ::presswork::Json::parse(testing::read_file(scratch / "sensitivity.json"));
  ASSERT_EQ(measured.size(), 28U);
  measured.erase(measured.begin() + 5, measured.end());
  leave(measured);
  const auto second = runner.run();
  ASSERT_TRUE(second.ok()) << second.message;
  EXPECT_EQ(second.metrics.at("resumed_layers"), 0);
  EXPECT_EQ(second.metrics.at("sensitivities"), expected.metrics.at("sensitivities"));
  EXPECT_EQ(weights_of(second.outputs.at("model")), bytes);

  measured[0]["divergence"][0] = 123.0;  // not measured again
  leave(measured);
  const auto third = runner.run();
  ASSERT_TRUE(third.ok()) << third.message;
  EXPECT_EQ(third.metrics.at("sensitivities").at("model.layers.0.self_attn.q_proj").at("3"), 123.0);
}

// As quantize/sensitivity writes it.
::presswork::Json sensitivity_file(const ::presswork::Json& linears) {
  return {{"presswork_sensitivity", 1},
          {"weights_digest", weights_digest(ModelSource::open(kTinyLlama))},
          {"grid", {{"group_size", 32}, {"symmetric", true}, {"clip", "none"}, {"scale_dtype", "float32"}}},
          {"linears", linears}};
}

TEST(QuantizeMixedStage, TakesSensitivitiesThatWereMeasuredBefore) {
  Runner alone;
  const auto expected = small(alone).run();
  ASSERT_TRUE(expected.ok()) << expected.message;
  const fs::path file = ::presswork::testing::process_folder() / "sensitivity.json";
  testing::write_file(file, sensitivity_file(expected.metrics.at("sensitivities")).dump());
  Runner connected;
  const auto result = small(connected).input("sensitivity", file).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_FALSE(result.metrics.contains("sensitivity_seconds")) << "nothing was measured";
  EXPECT_EQ(result.metrics.at("precisions"), expected.metrics.at("precisions"));
  EXPECT_EQ(weights_of(result.outputs.at("model")), weights_of(expected.outputs.at("model")));
}

TEST(QuantizeMixedStage, RefusesSensitivitiesOfAnythingElseAndSaysOfWhat) {
  const fs::path file = ::presswork::testing::process_folder() / "other.json";
  ::presswork::Json linears;
  for (const LinearSite& site : decoder_linears(ModelSource::open(kTinyLlama).config()))
    linears[site.module] = {{"3", 0.1}, {"4", 0.0}, {"5", 0.0}, {"6", 0.0}};
  const ::presswork::Json right = sensitivity_file(linears);
  const auto refusal = [&](const ::presswork::Json& content, const char* parameter = "actorder",
                           const ::presswork::Json& value = false) {
    testing::write_file(file, content.dump());
    Runner runner;
    const auto result = small(runner).parameter(parameter, value).input("sensitivity", file).plan();
    if (result.ok()) return std::string();
    EXPECT_EQ(result.code, "invalid_input");
    EXPECT_THAT(result.hint, HasSubstr("quantize/sensitivity"));
    return result.message;
  };
  EXPECT_EQ(refusal(right), "") << "more precisions than are asked for";

  ::presswork::Json other = right;
  other["weights_digest"] = "sha256:0";
  EXPECT_THAT(refusal(other), HasSubstr("another model"));
  other = right;
  other["grid"]["group_size"] = 128;
  EXPECT_THAT(refusal(other), HasSubstr("\"group_size\":128"));
  EXPECT_EQ(refusal(right, "precisions", {3, 8}),
            "the sensitivities lack model.layers.0.self_attn.q_proj at 8 bits");
  EXPECT_THAT(refusal(right, "targets", {"*.q_proj"}), HasSubstr("model.layers.0.mlp.down_proj too"));
  other = right;
  other["linears"].erase("model.layers.3.mlp.up_proj");
  EXPECT_EQ(refusal(other), "the sensitivities lack the target model.layers.3.mlp.up_proj");
  EXPECT_THAT(refusal({{"linears", {}}}), HasSubstr("not a file of quantize/sensitivity"));
}

TEST(QuantizeMixedStage, ALimitThatNothingFitsIsRefusedBeforeAnythingIsMeasured) {
  Runner runner;
  small(runner).parameter("bits_per_weight", 2.5);
  for (const auto& result : {runner.plan(), runner.run()}) {
    EXPECT_EQ(result.code, "invalid_parameter");
    EXPECT_EQ(result.where, "/bits_per_weight");
    EXPECT_THAT(result.hint, HasSubstr("precisions"));
    EXPECT_FALSE(result.metrics.contains("sensitivity_seconds"));
  }
}

}  // namespace
}  // namespace presswork::modelkit
