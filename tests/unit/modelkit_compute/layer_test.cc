// What stages that change weights rely on: observing a layer's inputs, replacing its weights, counting
// parameters, rotary frequencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include "plugins/modelkit/evaluate/parameter_counts.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "plugins/modelkit/model/transformer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

class Layer : public testing::Test {
 protected:
  std::vector<float> values(const Matrix& matrix) {
    std::vector<float> read(matrix.rows * matrix.cols);
    compute_->read(matrix, read);
    return read;
  }
  LinearWeight zeros(const char* module) {
    LinearWeight weight = source_.linear(std::string("model.layers.0.") + module);
    DenseWeight dense;
    dense.owned.assign(static_cast<std::size_t>(weight.out * weight.in) * sizeof(float), std::byte{0});
    weight.form = std::move(dense);
    auto& form = std::get<DenseWeight>(weight.form);
    form.bytes = form.owned;
    return weight;
  }

  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  ModelSource source_ =
      ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/llama");
  Transformer model_{*compute_, source_};
  std::vector<std::int32_t> ids_ = [] {
    std::vector<std::int32_t> ids(60);
    std::iota(ids.begin(), ids.end(), 3);
    return ids;
  }();
};

TEST_F(Layer, ShowsTheInputOfEveryLinearWithTheModulesThatShareIt) {
  const Matrix states = model_.embed(ids_, 20);
  std::map<std::string, std::size_t> widths;
  std::size_t rows = 0;
  model_.layer(0).forward(states, 20, model_.rope(), [&](auto modules, const Matrix& input) {
    if (modules.front() == "self_attn.q_proj") rows += input.rows;
    for (const auto module : modules) widths[std::string(module)] = input.cols;
  });
  EXPECT_EQ(rows, 60U);
  EXPECT_THAT(widths, testing::ElementsAre(
                          testing::Pair("mlp.down_proj", 96), testing::Pair("mlp.gate_proj", 64),
                          testing::Pair("mlp.up_proj", 64), testing::Pair("self_attn.k_proj", 64),
                          testing::Pair("self_attn.o_proj", 64), testing::Pair("self_attn.q_proj", 64),
                          testing::Pair("self_attn.v_proj", 64)));
}

TEST_F(Layer, WithItsTwoOutputProjectionsReplacedByZerosChangesNothing) {
  const Matrix states = model_.embed(ids_, 20);
  const auto before = values(states);
  DecoderLayer layer = model_.layer(0);
  layer.replace("self_attn.o_proj", zeros("self_attn.o_proj"));
  layer.replace("mlp.down_proj", zeros("mlp.down_proj"));
  layer.forward(states, 20, model_.rope());
  EXPECT_TRUE(values(states) == before);
}

TEST_F(Layer, RefusesAWeightOfAnotherShape) {
  DecoderLayer layer = model_.layer(0);
  EXPECT_THROW(layer.replace("mlp.down_proj", zeros("mlp.up_proj")), Error);
  EXPECT_THROW(layer.replace("mlp.side_proj", zeros("mlp.up_proj")), Error);
}

TEST_F(Layer, TreatsEachSequenceByItself) {
  const Matrix all = model_.embed(ids_, 20), second = model_.embed(std::span(ids_).subspan(20, 20), 20);
  DecoderLayer layer = model_.layer(0);
  layer.forward(all, 20, model_.rope());
  layer.forward(second, 20, model_.rope());
  EXPECT_TRUE(values(all.row_range(20, 20)) == values(second));
}

// The modules whose inputs an observer sees, with the rows that it saw.
std::map<std::string, std::size_t> observed(const char* fixture, std::int64_t index) {
  const auto compute = make_cpu_compute(1);
  const auto source =
      ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / fixture);
  Transformer model(*compute, source);
  std::vector<std::int32_t> ids(40);
  std::iota(ids.begin(), ids.end(), 3);
  const Matrix states = model.embed(ids, 20);
  std::map<std::string, std::size_t> rows;
  model.layer(index).forward(states, 20, model.rope(), [&](auto modules, const Matrix& input) {
    for (const auto module : modules) rows[std::string(module)] += input.rows;
  });
  return rows;
}

TEST(LayerObserver, SeesFusedModulesOnceByTheirOwnNames) {
  EXPECT_THAT(
      observed("phi3-longrope", 0),
      testing::ElementsAre(testing::Pair("mlp.down_proj", 40), testing::Pair("mlp.gate_up_proj", 40),
                           testing::Pair("self_attn.o_proj", 40), testing::Pair("self_attn.qkv_proj", 40)));
}

TEST(LayerObserver, SeesOfEachExpertTheTokensThatItWasChosenFor) {
  const auto rows = observed("mixtral", 0);
  std::size_t sum = 0;
  for (const char* expert : {"0", "1", "2"}) {
    const std::string prefix = std::string("block_sparse_moe.experts.") + expert;
    const auto found = rows.find(prefix + ".w1");
    if (found == rows.end()) continue;
    sum += found->second;
    EXPECT_EQ(rows.at(prefix + ".w3"), found->second);
    EXPECT_EQ(rows.at(prefix + ".w2"), found->second);
  }
  EXPECT_EQ(sum, 80U);  // two experts a token
}

TEST(LayerObserver, SeesEveryLinearOfEveryFixture) {
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(PRESSWORK_SOURCE_DIR) /
                                                               "tests/data/fixtures")) {
    const std::string name = entry.path().filename().string();
    const ModelConfig config = ModelSource::open(entry.path()).config();
    const auto rows = observed(name.c_str(), 0);
    for (const LinearSite& site : layer_sites(config, 0).linears) {
      EXPECT_TRUE(config.kind(0).experts || rows.count(site.module) == 1) << name << " " << site.module;
    }
  }
}

TEST(TiedEmbeddings, MayBeStoredUnderTheHeadsNameOnly) {
  namespace fs = std::filesystem;
  const fs::path original = fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/gemma";
  const fs::path folder = fs::temp_directory_path() / ("presswork-tied-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::copy_file(original / "config.json", folder / "config.json", fs::copy_options::overwrite_existing);
  const SafetensorsFile file(original / "model.safetensors");
  std::vector<TensorPlan> plan;
  const auto name = [](const TensorView& t) {
    return t.name == "model.embed_tokens.weight" ? std::string("lm_head.weight") : t.name;
  };
  for (const TensorView& tensor : file.tensors()) plan.push_back({name(tensor), tensor.dtype, tensor.shape});
  SafetensorsWriter writer(folder / "model.safetensors", plan);
  for (const TensorView& tensor : file.tensors()) writer.write(name(tensor), tensor.bytes);
  writer.publish();
  const auto compute = make_cpu_compute(1);
  const auto logits = [&](const fs::path& path) {
    const auto source = ModelSource::open(path);
    Transformer model(*compute, source);
    const Matrix states = model.embed(std::vector<std::int32_t>{5, 6, 7}, 3);
    model.final_norm(states);
    const Matrix out = model.logits(states);
    std::vector<float> read(out.rows * out.cols);
    compute->read(out, read);
    return read;
  };
  EXPECT_TRUE(logits(folder) == logits(original));
  fs::remove_all(folder);
}

TEST(LayerReplace, ChangesEveryPartOfAFusedModule) {
  const auto compute = make_cpu_compute(1);
  const auto source =
      ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/phi3-longrope");
  Transformer model(*compute, source);
  const std::vector<std::int32_t> ids{5, 6, 7, 8};
  const auto run = [&](bool again) {
    const Matrix states = model.embed(ids, 4);
    DecoderLayer layer = model.layer(0);
    if (again) {
      LinearWeight weight = source.linear("model.layers.0.self_attn.qkv_proj");
      const auto values = weight.dequantize();
      DenseWeight dense;
      for (const float value : values) {
        const float half = value * 0.5F;
        const auto* bytes = reinterpret_cast<const std::byte*>(&half);
        dense.owned.insert(dense.owned.end(), bytes, bytes + sizeof(half));
      }
      weight.form = std::move(dense);
      std::get<DenseWeight>(weight.form).bytes = std::get<DenseWeight>(weight.form).owned;
      layer.replace("self_attn.qkv_proj", weight);
    }
    std::vector<float> seen;
    layer.forward(states, 4, model.rope(), [&](auto modules, const Matrix& input) {
      if (modules.front() != "self_attn.o_proj") return;
      seen.resize(input.rows * input.cols);
      compute->read(input, seen);
    });
    return seen;
  };
  const auto before = run(false), after = run(true);
  // The first token attends to itself alone: half of v.
  for (std::size_t c = 0; c < 32; ++c) EXPECT_NEAR(after[c], 0.5F * before[c], 1e-6);
  // Half of q and k move the other tokens' attention as well.
  double difference = 0;
  for (std::size_t i = 32; i < after.size(); ++i) difference += std::abs(after[i] - 0.5F * before[i]);
  EXPECT_GT(difference, 1e-3);
}

TEST(ParameterCounts, AreThoseOfTheClosedForm) {
  const auto source =
      ModelSource::open(std::filesystem::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama");
  const ParameterCounts counts = count_parameters(source.config());
  // 128 wide, 4 layers, 4 heads and 2 key/value heads of 32, MLP 352, vocabulary 4096, untied.
  const std::int64_t attention = 2 * 128 * 128 + 2 * 64 * 128, mlp = 3 * 352 * 128,
                     layer = attention + mlp + 256;
  EXPECT_EQ(counts.total, 2 * 4096 * 128 + 4 * layer + 128);
  EXPECT_THAT(counts.by_kind,
              testing::ElementsAre(testing::Pair("attention", 4 * attention),
                                   testing::Pair("embedding", 4096 * 128), testing::Pair("head", 4096 * 128),
                                   testing::Pair("mlp", 4 * mlp), testing::Pair("norm", 4 * 256 + 128)));
  EXPECT_THAT(counts.by_layer, testing::ElementsAre(layer, layer, layer, layer));
  EXPECT_EQ(counts.by_module.at("mlp.down_proj"), 4 * 352 * 128);
}

Rope with_kind(RopeKind kind, double factor = 1.0) {
  Rope rope;
  rope.kind = kind;
  rope.factor = factor;
  rope.original_max_position = 128;
  return rope;
}

TEST(RopeFrequencies, FallGeometricallyAndLinearScalingDividesThem) {
  EXPECT_THAT(rope_frequencies(with_kind(RopeKind::Default), 8, 128),
              testing::ElementsAre(1.0F, 0.1F, 0.01F, 0.001F));
  EXPECT_THAT(rope_frequencies(with_kind(RopeKind::Linear, 4.0), 8, 128),
              testing::ElementsAre(0.25F, 0.025F, 0.0025F, 0.00025F));
}

TEST(RopeFrequencies, OfLlama3KeepShortWavesStretchLongOnesAndMixBetween) {
  const auto got = rope_frequencies(with_kind(RopeKind::Llama3, 8.0), 8, 128);
  // Turns within 128 positions: 20.4, 2.04, 0.204, 0.0204.
  const double turns = 128.0 * 0.1 / (2.0 * std::acos(-1.0)), kept = (turns - 1.0) / 3.0;
  EXPECT_FLOAT_EQ(got[0], 1.0F);
  EXPECT_FLOAT_EQ(got[1], static_cast<float>(kept * 0.1 + (1.0 - kept) * 0.1 / 8.0));
  EXPECT_FLOAT_EQ(got[2], 0.01F / 8.0F);
  EXPECT_FLOAT_EQ(got[3], 0.001F / 8.0F);
}

TEST(RopeFrequencies, OfDynamicScalingChangeOnlyBeyondTheModelsLength) {
  const Rope rope = with_kind(RopeKind::Dynamic, 2.0);
  const auto plain = rope_frequencies(with_kind(RopeKind::Default), 8, 128);
  EXPECT_EQ(rope_frequencies(rope, 8, 128, 128), plain);
  const auto longer = rope_frequencies(rope, 8, 128, 256);
  EXPECT_FLOAT_EQ(longer[0], 1.0F);
  EXPECT_FLOAT_EQ(longer[3], static_cast<float>(std::pow(10000.0 * std::pow(3.0, 8.0 / 6.0), -0.75)));
}

TEST(RopeFrequencies, OfLongropeTakeTheListThatFitsTheLength) {
  Rope rope = with_kind(RopeKind::LongRope, 4.0);
  rope.short_factor = {1, 1, 1, 2};
  rope.long_factor = {1, 2, 4, 8};
  EXPECT_FLOAT_EQ(rope_frequencies(rope, 8, 512, 128)[3], 0.0005F);
  EXPECT_FLOAT_EQ(rope_frequencies(rope, 8, 512, 129)[3], 0.000125F);
  EXPECT_DOUBLE_EQ(rope_attention_factor(rope), std::sqrt(1.0 + std::log(4.0) / std::log(128.0)));
  rope.long_factor.pop_back();
  EXPECT_THROW(rope_frequencies(rope, 8, 512, 129), Error);
}

TEST(RopeFrequencies, OfYarnKeepFastPairsAndSlowDownTheRest) {
  const Rope rope = with_kind(RopeKind::Yarn, 4.0);
  const auto got = rope_frequencies(rope, 8, 512);
  // Dimension of 32 turns in 128 positions: below 0; of 1 turn: 1.31, rounded up 2.
  EXPECT_FLOAT_EQ(got[0], 1.0F);
  EXPECT_FLOAT_EQ(got[1], 0.1F * (0.5F + 0.5F / 4.0F));
  EXPECT_FLOAT_EQ(got[2], 0.0025F);
  EXPECT_FLOAT_EQ(got[3], 0.00025F);
  EXPECT_DOUBLE_EQ(rope_attention_factor(rope), 0.1 * std::log(4.0) + 1.0);
}

}  // namespace
}  // namespace presswork::modelkit
