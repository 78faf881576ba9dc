#include "plugins/modelkit/quantize/awq_layer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "../modelkit_formats/support.h"
#include "dense.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/folding.h"
#include "plugins/modelkit/quantize/integer_weight.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

TokenWindows some_windows() {
  std::vector<std::int32_t> ids(4 * 16);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>((i * i + 3 * i) % 60);
  return {std::move(ids), 16};
}

class Awq : public ::testing::TestWithParam<const char*> {
 protected:
  static std::vector<float> forward(const ModelSource& source, std::int64_t layers) {
    const auto compute = make_cpu_compute(1);
    Transformer model(*compute, source);
    const Matrix states = model.embed(some_windows().ids(), 16);
    for (std::int64_t i = 0; i < layers; ++i) model.layer(i).forward(states, 16, model.rope());
    std::vector<float> values(states.rows * states.cols);
    compute->read(states, values);
    return values;
  }

  // The fixture with `changes` of its first layers written in, weights dequantized.
  void write(const ModelSource& source, const std::vector<LayerChange>& changes, const fs::path& folder) {
    fs::create_directories(folder);
    fs::copy_file(source.checkpoint().config_path(), folder / "config.json");
    std::map<std::string, std::vector<float>> values;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const std::string prefix = layer_prefix(source.config(), static_cast<std::int64_t>(i)) + ".";
      for (const auto& [module, weight] : changes[i].linears)
        values[prefix + module + ".weight"] = weight.dequantize();
      for (const auto& [name, tensor] : changes[i].tensors) values[prefix + name] = tensor;
    }
    std::vector<TensorPlan> plan;
    for (const std::string& name : source.checkpoint().names()) {
      const TensorView& view = source.checkpoint().tensor(name);
      plan.push_back({name, view.dtype, view.shape});
    }
    SafetensorsWriter writer(folder / "model.safetensors", plan);
    for (const TensorPlan& tensor : plan) {
      const auto found = values.find(tensor.name);
      if (found == values.end()) {
        writer.write(tensor.name, source.checkpoint().tensor(tensor.name).bytes);
        continue;
      }
      std::vector<std::byte> bytes(tensor.byte_count());
      from_float(tensor.dtype, found->second.data(), found->second.size(), bytes.data());
      writer.write(tensor.name, bytes);
    }
    writer.publish();
  }

  std::vector<LayerChange> run(const ModelSource& source, AwqOptions options, const fs::path& store_folder) {
    for (const LinearSite& site : decoder_linears(source.config())) options.targets.insert(site.module);
    const auto compute = make_cpu_compute(2);
    Transformer model(*compute, source);
    const TokenWindows windows = some_windows();
    LayerStore store(store_folder);
    ThreadPool threads(2);
    Calibration(model, windows, {}, store, {}).run([&](CalibrationLayer& layer) {
      LayerChange change = quantize_layer_awq(layer, options, threads);
      states_ = layer.outputs();
      return change;
    });
    std::vector<LayerChange> changes;
    for (std::int64_t i = 0; i < source.config().layers; ++i) changes.push_back(store.load(i));
    return changes;
  }

  testing::TemporaryFolder folder_;
  std::vector<float> states_;  // behind the last layer that run() has changed
};

// States behind a layer are computed with the scales undone and nothing folded. Through the folded model they
// must come out the same, but for float32.
TEST_P(Awq, FoldedScalesLeaveWhatTheModelComputes) {
  const ModelSource source =
      ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / GetParam());
  const auto changes = run(source, {.grid = {.bits = 4}, .targets = {}}, folder_.path() / "layers");
  std::size_t scaled = 0;
  for (const LayerChange& change : changes) {
    for (const auto& [module, figures] : change.figures) scaled += figures.at("scale_power") > 0 ? 1 : 0;
  }
  EXPECT_GT(scaled, 0U);
  write(source, changes, folder_.path() / "model");
  const auto expected = states_;
  const auto got = forward(ModelSource::open(folder_.path() / "model"), source.config().layers);
  ASSERT_EQ(got.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Models, Awq,
                         ::testing::Values("llama", "llama-bias", "phi3", "gemma2", "mixtral", "gpt-neox",
                                           "falcon-grouped", "qwen2-moe"),
                         [](const auto& place) {
                           std::string name = place.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(Awq, ScalesAndRangesBringTheOutputsNearerAtFourBits) {
  const ModelSource source = ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama");
  const QuantizationGrid grid{.bits = 4, .group_size = 32, .symmetric = false};
  std::map<bool, double> errors;
  double rounded = 0;
  for (const bool search : {false, true}) {
    const auto changes = run(source, {.grid = grid, .clip_search = search, .targets = {}},
                             folder_.path() / std::to_string(search));
    rounded = 0;
    for (const LayerChange& change : changes) {
      for (const auto& [module, figures] : change.figures) {
        errors[search] += figures.at("output_error");
        rounded += figures.at("rounding_output_error");
        if (search) continue;
        EXPECT_LE(figures.at("output_error"), 1.02 * figures.at("rounding_output_error")) << module;
      }
    }
    EXPECT_LT(errors[search], rounded);
  }
  EXPECT_LT(errors[true], errors[false]);
}

TEST_F(Awq, SitesAreWhereAScaleCanBeFolded) {
  const auto sites_of = [](const char* fixture) {
    const ModelSource source =
        ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / fixture);
    std::vector<std::string> names;
    for (const FoldingSite& site : folding_sites(source.config(), 0))
      names.push_back((site.norm.empty() ? site.producer : site.norm) + ">" + site.consumers.modules.back());
    return names;
  };
  EXPECT_THAT(sites_of("llama"),
              ::testing::ElementsAre("input_layernorm>self_attn.v_proj", "self_attn.v_proj>self_attn.o_proj",
                                     "post_attention_layernorm>mlp.up_proj", "mlp.up_proj>mlp.down_proj"));
  // The router reads the norm of the MLP too.
  EXPECT_THAT(sites_of("mixtral"), ::testing::Not(::testing::Contains(::testing::StartsWith("post_att"))));
  // No gate: the activation stands between.
  EXPECT_THAT(sites_of("opt"), ::testing::Not(::testing::Contains("fc1>fc2")));
}

TEST_F(Awq, QueryHeadsThatShareAValueHeadShareItsScales) {
  const ModelSource source = ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama");
  const ModelConfig& m = source.config();
  ASSERT_EQ(m.heads, 2 * m.kv_heads);
  for (const FoldingSite& site : folding_sites(m, 0)) {
    if (site.producer != "self_attn.v_proj") continue;
    ASSERT_EQ(site.rows.size(), static_cast<std::size_t>(m.heads * m.head_dim));
    for (std::size_t i = 0; i < site.rows.size(); ++i) {
      const std::size_t depth = static_cast<std::size_t>(m.head_dim), head = i / depth;
      EXPECT_EQ(site.rows[i], head / 2 * depth + i % depth);
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
