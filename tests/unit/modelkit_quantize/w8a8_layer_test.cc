#include "plugins/modelkit/quantize/w8a8_layer.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "../modelkit_formats/support.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

TokenWindows some_windows() {
  std::vector<std::int32_t> ids(4 * 16);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>((i * i + 3 * i) % 60);
  return {std::move(ids), 16};
}

class W8a8 : public ::testing::TestWithParam<const char*> {
 protected:
  static ModelSource fixture(const char* name) {
    return ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / name);
  }

  static W8a8Options with_targets(const ModelSource& source, W8a8Options options) {
    for (const LinearSite& site : decoder_linears(source.config())) options.targets.insert(site.module);
    return options;
  }

  static void run(const ModelSource& source, const Calibration::Method& method,
                  const fs::path& store_folder) {
    const auto compute = make_cpu_compute(2);
    Transformer model(*compute, source);
    const TokenWindows windows = some_windows();
    LayerStore store(store_folder);
    Calibration(model, windows, {}, store, {}).run(method);
  }

  // Returns what leaves the last layer, changed.
  static std::vector<float> run(const ModelSource& source, const W8a8Options& asked,
                                const fs::path& store_folder) {
    const W8a8Options options = with_targets(source, asked);
    ThreadPool threads(2);
    std::vector<float> states;
    run(
        source,
        [&](CalibrationLayer& layer) {
          LayerChange change = quantize_layer_w8a8(layer, options, threads);
          states = layer.outputs();
          return change;
        },
        store_folder);
    return states;
  }

  // States behind the last layer.
  static std::vector<float> forward(const ModelSource& source) {
    const auto compute = make_cpu_compute(1);
    Transformer model(*compute, source);
    const Matrix states = model.embed(some_windows().ids(), 16);
    for (std::int64_t i = 0; i < model.layers(); ++i) model.layer(i).forward(states, 16, model.rope());
    std::vector<float> values(states.rows * states.cols);
    compute->read(states, values);
    return values;
  }

  // The model that the layers of a store make, as a folder.
  ModelSource written(const ModelSource& source, const W8a8Options& options, const fs::path& store_folder) {
    const LayerStore store(store_folder);
    const QuantizationScheme scheme{
        .format = PackedFormat::IntQuantized, .bits = 8, .inputs = options.inputs, .targets = {}};
    std::vector<std::string> kept = {std::string(architecture_of(source.config()).head)};
    QuantizedCheckpoint result(source.checkpoint(), select_targets(source.config(), kept), scheme, DType::F32,
                               folder_.path() / "model");
    for (const auto& step : result.steps()) write(source, store, result, step);
    result.finish();
    return ModelSource::open(folder_.path() / "model");
  }

  testing::TemporaryFolder folder_;

 private:
  static void write(const ModelSource& source, const LayerStore& store, QuantizedCheckpoint& result,
                    const QuantizedCheckpoint::Step& step) {
    for (std::int64_t i = 0; i < source.config().layers; ++i) {
      const std::string prefix = layer_prefix(source.config(), i) + ".";
      if (!step.name.starts_with(prefix)) continue;
      const LayerChange change = store.load(i);
      const std::string relative = step.name.substr(prefix.size());
      if (step.module) return result.write(step.name, change.linears.at(relative));
      if (const auto found = change.tensors.find(relative); found != change.tensors.end())
        return result.write_values(step.name, found->second);
    }
    result.copy(step.name);
  }
};

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

// With scales far from 1: a fold that were not exact would show.
TEST_P(W8a8, TheWrittenModelGivesTheStatesOfTheCalibrationAndNearlyThoseOfTheOriginal) {
  const ModelSource source = fixture(GetParam());
  const std::vector<float> original = forward(source);
  for (const bool dynamic : {true, false}) {
    const W8a8Options options{
        .inputs = {.dynamic = dynamic}, .smoothing = Smoothing::Fixed, .alpha = 0.7, .targets = {}};
    const fs::path layers = folder_.path() / (dynamic ? "dynamic" : "static");
    fs::remove_all(folder_.path() / "model");
    const std::vector<float> expected = run(source, options, layers);
    const auto got = forward(written(source, options, layers));
    EXPECT_EQ(got, expected) << dynamic;
    EXPECT_LT(relative_difference(got, original), 0.06) << dynamic;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, W8a8,
                         ::testing::Values("llama", "llama-bias", "phi3", "gemma2", "gpt-neox",
                                           "falcon-grouped", "opt"),
                         [](const auto& place) {
                           std::string name = place.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(W8a8, ScalesArePowersOfTheLargestInputsAndWeights) {
  const ModelSource source = fixture("llama");
  run(source, W8a8Options{.smoothing = Smoothing::Fixed, .alpha = 0.5, .targets = {}}, folder_.path() / "a");
  const LayerChange change = LayerStore(folder_.path() / "a").load(0);
  // The largest magnitudes of the first layer's normed states, by hand.
  const auto compute = make_cpu_compute(1);
  Transformer model(*compute, source);
  const Matrix states = model.embed(some_windows().ids(), 16);
  std::vector<float> inputs;
  model.layer(0).forward(states, 16, model.rope(), [&](auto modules, const Matrix& input) {
    if (modules.front() != "self_attn.q_proj") return;
    inputs.resize(input.rows * input.cols);
    compute->read(input, inputs);
  });
  const auto width = static_cast<std::size_t>(source.config().hidden);
  std::vector<double> largest_input(width, 0.0), largest_weight(width, 0.0);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    largest_input[i % width] = std::max(largest_input[i % width], std::abs(static_cast<double>(inputs[i])));
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    const auto w = source.linear(std::string("model.layers.0.self_attn.") + name).dequantize();
    for (std::size_t i = 0; i < w.size(); ++i)
      largest_weight[i % width] = std::max(largest_weight[i % width], std::abs(static_cast<double>(w[i])));
  }
  const auto before = source.values("model.layers.0.input_layernorm.weight", width);
  const auto& after = change.tensors.at("input_layernorm.weight");
  for (std::size_t i = 0; i < width; ++i) {
    const double scale = std::sqrt(largest_input[i]) / std::sqrt(largest_weight[i]);
    EXPECT_NEAR(before[i] / after[i] / scale, 1.0, 0.01) << i;  // the norm's type is bfloat16
  }
}

TEST_F(W8a8, TheSearchIsNoWorseThanNoScalesAndAtLeastAsGoodAsAnyAlphaOnTheSample) {
  const ModelSource source = ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama");
  const auto errors = [&](const char* name, const W8a8Options& options) {
    run(source, options, folder_.path() / name);
    std::map<std::string, double> found;
    for (const auto& [module, figures] : LayerStore(folder_.path() / name).load(0).figures) {
      found[module] = figures.at("output_error");
      found[module + " rounded"] = figures.at("rounding_output_error");
    }
    return found;
  };
  const auto searched = errors("search", {.smoothing = Smoothing::Search, .targets = {}});
  const auto fixed = errors("fixed", {.smoothing = Smoothing::Fixed, .alpha = 0.5, .targets = {}});
  const auto none = errors("none", {.smoothing = Smoothing::None, .targets = {}});
  for (const char* module : {"self_attn.o_proj", "mlp.down_proj"}) {  // alone at their sites
    EXPECT_LE(searched.at(module), fixed.at(module) * 1.001) << module;
    EXPECT_LE(searched.at(module), none.at(module) * 1.001) << module;
    EXPECT_DOUBLE_EQ(none.at(module), none.at(std::string(module) + " rounded"));
  }
}

TEST_F(W8a8, ModelsWithExpertsAreSmoothedWhereTheyCanBe) {
  const ModelSource source = fixture("mixtral");
  const W8a8Options options{.smoothing = Smoothing::Search, .targets = {}};
  run(source, options, folder_.path() / "layers");
  EXPECT_LT(
      relative_difference(forward(written(source, options, folder_.path() / "layers")), forward(source)),
      0.06);
}

TEST_F(W8a8, AWorkThatWasKilledInAnyLayerEndsWithTheSameBytes) {
  const ModelSource source = fixture("llama");
  const W8a8Options options = with_targets(source, {.inputs = {.dynamic = false, .symmetric = false},
                                                    .observer = {.kind = RangeObserver::Kind::Mse},
                                                    .targets = {}});
  ThreadPool threads(1);
  std::vector<std::int64_t> worked;
  const auto method = [&](CalibrationLayer& layer) {
    worked.push_back(layer.index());
    return quantize_layer_w8a8(layer, options, threads);
  };
  const fs::path whole = folder_.path() / "whole", cut = folder_.path() / "cut";
  run(source, method, whole);
  const std::int64_t layers = source.config().layers;
  for (std::int64_t fatal = 0; fatal < layers; ++fatal) {
    fs::remove_all(cut);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ThreadPool own(1);
      run(
          source,
          [&](CalibrationLayer& layer) {
            LayerChange change = quantize_layer_w8a8(layer, options, own);
            if (layer.index() == fatal) ::raise(SIGKILL);
            return change;
          },
          cut);
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    worked.clear();
    run(source, method, cut);
    EXPECT_EQ(worked.size(), static_cast<std::size_t>(layers - fatal));
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string name = "layer-" + std::to_string(i) + ".safetensors";
      EXPECT_EQ(testing::read_file(cut / name), testing::read_file(whole / name)) << name;
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
