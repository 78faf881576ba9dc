// Both phases of training: what they gain, and that one which is broken off ends with the same values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <optional>

#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "plugins/modelkit/train/block_training.h"
#include "plugins/modelkit/train/model_training.h"
#include "presswork/error.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

TokenWindows random_windows() {
  Random random(5);
  std::vector<std::int32_t> ids(6 * 32);
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(4096));
  return {ids, 32};
}

// Throws at the call with that number.
StepObserver stop_at(std::optional<int> call) {
  return [call, calls = 0](double) mutable {
    if (call && ++calls == *call) throw Cancelled();
  };
}

class Phases : public ::testing::Test {
 protected:
  Phases() { fs::remove_all(folder_); }
  ~Phases() override { fs::remove_all(folder_); }

  // A store in a folder of that name, trained until `stop`; with a StateLimit of one window states are in a
  // file.
  LayerStore blocks(const std::string& name, std::optional<int> stop, unsigned threads = 2,
                    const StateLimit& limit = {}) {
    LayerStore store(folder_ / name);
    const auto compute = make_cpu_compute(threads);
    Transformer model(*compute, source_);
    ThreadPool pool(threads);
    const auto start = [&](CalibrationLayer& layer) {
      BlockTraining::Beginning beginning;
      for (const char* module : {"self_attn.k_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"}) {
        const LinearWeight weight = layer.weight(module);
        beginning.change.linears[module] = quantize_rtn(weight, grid_, module, pool).weight;
        beginning.weights[module] = weight.dequantize();
      }
      return beginning;
    };
    BlockTraining training(model, windows_, limit, {.epochs = 3, .batch = 4, .rates = rates_, .seed = 9},
                           start, stop_at(stop));
    Calibration calibration(model, windows_, limit, store, {});
    resumed_ = calibration.resumed();
    try {
      calibration.run([&](CalibrationLayer& layer) { return training.train(layer); });
    } catch (const Cancelled&) {
    }
    return store;
  }

  std::map<std::string, LinearWeight> whole(const LayerStore& start, const std::string& file,
                                            std::optional<int> stop, unsigned threads = 2) {
    const auto compute = make_cpu_compute(threads);
    Transformer model(*compute, source_);
    ModelTraining training(model, windows_, {}, start,
                           {.objective = objective_, .epochs = 4, .batch = 2, .checkpoint_steps = 2},
                           folder_ / file);
    try {
      training.run(stop_at(stop));
    } catch (const Cancelled&) {
    }
    resumed_ = training.resumed();
    losses_.clear();
    for (const TrainingStep& step : training.steps()) losses_.push_back(step.loss);
    return training.result(1);
  }

  static void expect_same(const std::map<std::string, LinearWeight>& a,
                          const std::map<std::string, LinearWeight>& b) {
    ASSERT_EQ(a.size(), 4U);
    ASSERT_EQ(b.size(), 4U);
    for (const auto& [module, weight] : a) {
      EXPECT_EQ(weight.grouped_int()->q, b.at(module).grouped_int()->q) << module;
      EXPECT_EQ(weight.grouped_int()->scales, b.at(module).grouped_int()->scales) << module;
    }
  }

  fs::path folder_ = ::presswork::testing::process_folder() / "phases";
  ModelSource source_ = ModelSource::open(fs::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama");
  TokenWindows windows_ = random_windows();
  QuantizationGrid grid_{.bits = 3, .group_size = 32};
  LearningRates rates_;
  Objective objective_ = Objective::Distillation;
  std::int64_t resumed_ = 0;
  std::vector<double> losses_;
};

TEST_F(Phases, BlocksThatAreBrokenOffEndWithTheSameIntegersAndScales) {
  const LayerStore straight = blocks("straight", {});
  blocks("broken", 14);
  EXPECT_EQ(LayerStore(folder_ / "broken").finished(4), 1);
  const LayerStore broken = blocks("broken", {});
  EXPECT_EQ(resumed_, 1);
  const LayerStore alone = blocks("alone", {}, 1);
  const LayerStore spilled = blocks("spilled", {}, 2, {.bytes = 1});
  for (std::int64_t i = 0; i < 4; ++i) {
    expect_same(straight.load(i).linears, broken.load(i).linears);
    expect_same(straight.load(i).linears, alone.load(i).linears);
    expect_same(straight.load(i).linears, spilled.load(i).linears);
    EXPECT_EQ(straight.load(i).layer, broken.load(i).layer);
    EXPECT_LT(straight.load(i).layer.at("output_error"), straight.load(i).layer.at("output_error_before"));
  }
}

TEST_F(Phases, ALayerThatTrainingMakesWorseKeepsWhatItStartedFrom) {
  rates_ = {.weights = 10, .scales = 3};  // far too much
  const LayerStore store = blocks("worse", {});
  const LayerChange change = store.load(0);
  EXPECT_EQ(change.layer.at("output_error"), change.layer.at("output_error_before"));
  ThreadPool pool(1);
  for (const auto& [module, weight] : change.linears) {
    const std::string name = "model.layers.0." + module;
    const auto start = quantize_rtn(source_.linear(name), grid_, name, pool).weight;
    EXPECT_EQ(weight.grouped_int()->q, start.grouped_int()->q);
    EXPECT_EQ(weight.grouped_int()->scales, start.grouped_int()->scales);
  }
}

TEST_F(Phases, EndToEndTrainingThatIsBrokenOffEndsWithTheSameScales) {
  const LayerStore start = blocks("layers", {});
  const auto straight = whole(start, "straight.safetensors", {});
  ASSERT_EQ(losses_.size(), 12U);  // of 6 windows, 2 a step, 4 times
  const auto losses = losses_;
  EXPECT_LT(std::accumulate(losses.end() - 3, losses.end(), 0.0),
            std::accumulate(losses.begin(), losses.begin() + 3, 0.0));
  const int of_targets = 5 * 1 + 1;  // calls while the original model's states are made
  whole(start, "broken.safetensors", of_targets + 5 + 1);
  EXPECT_EQ(resumed_, 0);
  const auto broken = whole(start, "broken.safetensors", {});
  EXPECT_GT(resumed_, 0);
  EXPECT_LT(resumed_, 12);
  EXPECT_EQ(losses_, losses);
  expect_same(straight, broken);
  expect_same(straight, whole(start, "alone.safetensors", {}, 1));
  for (const auto& [module, weight] : start.load(1).linears) {  // integers stay
    EXPECT_EQ(straight.at(module).grouped_int()->q, weight.grouped_int()->q);
    EXPECT_NE(straight.at(module).grouped_int()->scales, weight.grouped_int()->scales);
  }
}

TEST_F(Phases, EndToEndTrainingOnTheTextLowersItsNegativeLogLikelihood) {
  const LayerStore start = blocks("layers", {});
  objective_ = Objective::Data;
  whole(start, "data.safetensors", {});
  EXPECT_LT(losses_.back(), losses_.front());
}

}  // namespace
}  // namespace presswork::modelkit
