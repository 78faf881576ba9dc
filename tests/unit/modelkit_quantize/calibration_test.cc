#include "plugins/modelkit/quantize/calibration.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../modelkit_formats/support.h"
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/modelkit/quantize/input_statistics.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = fs::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures/llama";

TokenWindows some_windows() {
  std::vector<std::int32_t> ids(6 * 16);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>((i * i + 3 * i) % 90);
  return {std::move(ids), 16};
}

// What the tests do to a layer: rounds every linear to 3 bits.
LayerChange round_layer(CalibrationLayer& layer) {
  ThreadPool threads(1);
  LayerChange change;
  for (const InputGroup& group : input_groups(layer.model().config(), layer.index())) {
    for (const std::string& module : group.modules) {
      LinearWeight weight = quantize_rtn(layer.weight(module), {.bits = 3}, module, threads).weight;
      layer.replace(module, weight);
      change.linears.emplace(module, std::move(weight));
    }
  }
  return change;
}

class Calibrate : public ::testing::Test {
 protected:
  // Runs `method` over all layers that `store_folder` does not have; returns how many it had.
  std::int64_t run(const fs::path& store_folder, const Calibration::Method& method,
                   const StateLimit& limit = {}, StepObserver step = {}) {
    const auto compute = make_cpu_compute(2);
    Transformer model(*compute, source_);
    const TokenWindows windows = some_windows();
    LayerStore store(store_folder);
    Calibration calibration(model, windows, limit, store, std::move(step));
    calibration.run(method);
    return calibration.resumed();
  }

  ModelSource source_ = ModelSource::open(kModel);
  testing::TemporaryFolder folder_;
};

TEST_F(Calibrate, ALayerSeesWhatTheChangedLayersBeforeItMake) {
  const TokenWindows windows = some_windows();
  std::vector<float> seen;
  run(folder_.path(), [&](CalibrationLayer& layer) {
    if (layer.index() == 1) {
      layer.observe([&](auto modules, const Matrix& input) {
        if (modules.front() != "self_attn.o_proj") return;
        std::vector<float> values(input.rows * input.cols);
        layer.compute().read(input, values);
        seen.insert(seen.end(), values.begin(), values.end());
      });
    }
    return round_layer(layer);
  });

  // The same by hand.
  const auto compute = make_cpu_compute(1);
  Transformer model(*compute, source_);
  std::vector<float> expected;
  const Matrix states = model.embed(windows.ids(), 16);
  ThreadPool threads(1);
  DecoderLayer first = model.layer(0);
  for (const LinearSite& site : layer_sites(source_.config(), 0).linears) {
    first.replace(site.module, quantize_rtn(source_.linear("model.layers.0." + site.module), {.bits = 3},
                                            site.module, threads)
                                   .weight);
  }
  first.forward(states, 16, model.rope());
  model.layer(1).forward(states, 16, model.rope(), [&](auto modules, const Matrix& input) {
    if (modules.front() != "self_attn.o_proj") return;
    std::vector<float> values(input.rows * input.cols);
    compute->read(input, values);
    expected.insert(expected.end(), values.begin(), values.end());
  });
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_NEAR(seen[i], expected[i], 1e-5);
}

TEST_F(Calibrate, ALayersOutputErrorIsThatOfItsOutputsOverTheFirstWindows) {
  for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{1}}) {  // in memory; in a file
    const fs::path place = folder_.path() / std::to_string(bytes);
    run(place, round_layer, {.bytes = bytes, .folder = folder_.path()});
    // The same by hand: 4 of the 6 windows.
    const auto compute = make_cpu_compute(1);
    Transformer model(*compute, source_);
    const TokenWindows windows = some_windows();
    const Matrix states = model.embed(windows.ids().first(4 * 16), 16),
                 original = model.embed(windows.ids().first(4 * 16), 16);
    model.layer(0).forward(original, 16, model.rope());
    LayerStore store(place);
    DecoderLayer changed = model.layer(0);
    for (const auto& [module, weight] : store.load(0).linears) changed.replace(module, weight);
    changed.forward(states, 16, model.rope());
    std::vector<float> a(original.rows * original.cols), b(a.size());
    compute->read(original, a);
    compute->read(states, b);
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
      norm += std::pow(static_cast<double>(a[i]), 2);
    }
    EXPECT_GT(store.load(0).output_error, 0.01);
    EXPECT_NEAR(store.load(0).output_error, std::sqrt(difference / norm), 1e-6);
    EXPECT_GT(store.load(1).output_error, 0.01);
  }
  run(folder_.path() / "kept", [](CalibrationLayer&) { return LayerChange(); });
  EXPECT_EQ(LayerStore(folder_.path() / "kept").load(1).output_error, 0.0);
}

TEST_F(Calibrate, ObservingLeavesTheStatesAsTheyWere) {
  std::vector<double> sums;
  run(folder_.path(), [&](CalibrationLayer& layer) {
    for (int pass = 0; pass < 2; ++pass) {
      ThreadPool threads(1);
      auto grams = observe_grams(layer, input_groups(layer.model().config(), layer.index()), threads);
      sums.push_back(grams.at("self_attn.q_proj").mean_diagonal());
      EXPECT_EQ(grams.at("mlp.down_proj").rows(), 96U);
    }
    return LayerChange();
  });
  for (std::size_t i = 0; i < sums.size(); i += 2) EXPECT_EQ(sums[i], sums[i + 1]);
}

TEST_F(Calibrate, ProductsOfInputsDoNotDependOnHowManyAreCollectedInOnePass) {
  run(folder_.path(), [&](CalibrationLayer& layer) {
    ThreadPool threads(2);
    const std::vector<InputGroup> groups = input_groups(layer.model().config(), layer.index());
    EXPECT_EQ(within_budget(groups, gram_budget(layer.bytes())).size(), 1U) << "small ones need one pass";
    auto together = observe_grams(layer, groups, threads);
    for (const auto& pass : one_by_one(groups)) {
      for (auto& [module, gram] : observe_grams(layer, pass, threads)) {
        const std::size_t values = gram.size() * gram.size();
        const double *alone = gram.symmetric(), *one_of_all = together.at(module).symmetric();
        EXPECT_TRUE(std::equal(alone, alone + values, one_of_all)) << module;
      }
    }
    return LayerChange();
  });
}

TEST(WithinBudget, FillsPassesInOrder) {
  const std::vector<InputGroup> groups = {
      {{"q", "k", "v"}, 300}, {{"o"}, 300}, {{"gate", "up"}, 300}, {{"down"}, 1000}};
  EXPECT_EQ(gram_bytes(groups), (3 * 300 * 300 + 1000 * 1000) * sizeof(double));
  const auto sizes = [&](std::uint64_t bytes) {
    std::vector<std::size_t> found;
    for (const auto& pass : within_budget(groups, bytes)) found.push_back(pass.size());
    return found;
  };
  EXPECT_EQ(sizes(gram_bytes(groups)), (std::vector<std::size_t>{4}));
  EXPECT_EQ(sizes(gram_bytes(groups) - 1), (std::vector<std::size_t>{3, 1}));
  EXPECT_EQ(sizes(2 * 300 * 300 * sizeof(double)), (std::vector<std::size_t>{2, 1, 1}));
  EXPECT_EQ(sizes(1), (std::vector<std::size_t>{1, 1, 1, 1}));
  EXPECT_EQ(gram_budget(1), kSmallGrams);
  EXPECT_EQ(gram_budget(2 * kSmallGrams), 2 * kSmallGrams);
}

TEST_F(Calibrate, AWorkThatWasKilledGoesOnWithTheLayerInWhichItDied) {
  GptqLayerOptions options{.gptq = {.grid = {.bits = 3, .group_size = 32}}, .targets = {}};
  for (const LinearSite& site : decoder_linears(source_.config())) options.targets.insert(site.module);
  ThreadPool threads(1);
  std::vector<std::int64_t> worked;
  const auto method = [&](CalibrationLayer& layer) {
    worked.push_back(layer.index());
    return quantize_layer_gptq(layer, options, threads);
  };
  const fs::path whole = folder_.path() / "whole", cut = folder_.path() / "cut";
  EXPECT_EQ(run(whole, method), 0);
  const std::int64_t layers = source_.config().layers;
  for (std::int64_t fatal = 0; fatal < layers; ++fatal) {
    fs::remove_all(cut);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ThreadPool own(1);
      run(cut, [&](CalibrationLayer& layer) {
        LayerChange change = quantize_layer_gptq(layer, options, own);
        if (layer.index() == fatal) ::raise(SIGKILL);
        return change;
      });
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    worked.clear();
    EXPECT_EQ(run(cut, method), fatal);
    EXPECT_EQ(worked.size(), static_cast<std::size_t>(layers - fatal));
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string name = "layer-" + std::to_string(i) + ".safetensors";
      EXPECT_EQ(testing::read_file(cut / name), testing::read_file(whole / name)) << name;
    }
  }
}

TEST_F(Calibrate, TheResultDoesNotDependOnHowManyStatesMayStayInMemory) {
  GptqLayerOptions options{.gptq = {.grid = {.bits = 4, .group_size = 16}}, .targets = {}};
  for (const LinearSite& site : decoder_linears(source_.config())) options.targets.insert(site.module);
  ThreadPool threads(2);
  const auto method = [&](CalibrationLayer& layer) { return quantize_layer_gptq(layer, options, threads); };
  const fs::path all = folder_.path() / "all", one = folder_.path() / "one";
  run(all, method);
  run(one, method, {.bytes = 1, .folder = folder_.path()});
  EXPECT_EQ(testing::read_file(all / "layer-1.safetensors"), testing::read_file(one / "layer-1.safetensors"));
}

TEST_F(Calibrate, TellsHowFarItIsAndEndsWhenTheListenerThrows) {
  std::vector<double> shares;
  run(folder_.path() / "a", round_layer, {}, [&](double share) { shares.push_back(share); });
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_THROW(run(folder_.path() / "b", round_layer, {}, [](double) { throw Error("stop", "", ""); }),
               Error);
}

TEST_F(Calibrate, TrueSequentialShowsLaterLinearsTheQuantizedEarlierOnes) {
  GptqLayerOptions options{.gptq = {.grid = {.bits = 2, .group_size = 0}}, .targets = {}};
  for (const LinearSite& site : decoder_linears(source_.config())) options.targets.insert(site.module);
  ThreadPool threads(2);
  std::map<bool, LayerChange> changes;
  for (const bool sequential : {false, true}) {
    options.true_sequential = sequential;
    run(folder_.path() / std::to_string(sequential), [&](CalibrationLayer& layer) {
      LayerChange change = quantize_layer_gptq(layer, options, threads);
      if (layer.index() == 0) changes[sequential] = change;
      return change;
    });
  }
  const auto q = [&](bool sequential, const char* module) {
    return changes.at(sequential).linears.at(module).grouped_int()->q;
  };
  EXPECT_EQ(q(false, "self_attn.q_proj"), q(true, "self_attn.q_proj"));
  EXPECT_NE(q(false, "self_attn.o_proj"), q(true, "self_attn.o_proj"));
  EXPECT_NE(q(false, "mlp.down_proj"), q(true, "mlp.down_proj"));
}

}  // namespace
}  // namespace presswork::modelkit
