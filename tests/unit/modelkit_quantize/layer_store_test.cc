#include "plugins/modelkit/quantize/layer_store.h"

#include <gtest/gtest.h>

#include "../modelkit_formats/support.h"
#include "dense.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

class Store : public ::testing::Test {
 protected:
  static LayerChange change(unsigned seed) {
    ThreadPool threads(1);
    LayerChange made;
    const auto weight = float_weight(6, 16, dense::random_floats(96, seed));
    made.linears.emplace(
        "up", quantize_rtn(weight, {.bits = 3, .group_size = 8, .symmetric = false}, "up", threads).weight);
    made.linears.emplace("down", quantize_rtn(weight, {.bits = 4}, "down", threads).weight);
    made.tensors["norm.weight"] = dense::random_floats(16, seed + 1);
    made.figures["up"]["weight_error"] = 1.0 / 3.0;
    made.output_error = 1.0 / (7.0 + seed);
    return made;
  }
  HiddenStates states(float value, std::size_t bytes) {
    HiddenStates made(*compute_, 3, 4, 5, {.bytes = bytes, .folder = {}});
    made.each(
        [&](const Matrix& block, std::size_t first, std::size_t) {
          compute_->write(block, std::vector<float>(block.rows * 5, value + static_cast<float>(first)));
        },
        true);
    return made;
  }
  std::vector<float> values(HiddenStates& states) {
    std::vector<float> all;
    states.read([&](const Matrix& block, std::size_t, std::size_t) {
      std::vector<float> part(block.rows * 5);
      compute_->read(block, part);
      all.insert(all.end(), part.begin(), part.end());
    });
    return all;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Compute> compute_ = make_cpu_compute(1);
};

TEST_F(Store, GivesBackWhatWasKeptWhereverTheStatesLie) {
  for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{1}}) {
    const fs::path place = folder_.path() / std::to_string(bytes);
    {
      LayerStore store(place);
      EXPECT_EQ(store.finished(3), 0);
      HiddenStates first = states(1, bytes), second = states(7, bytes);
      store.save(0, change(1), first, *compute_);
      store.save(1, change(2), second, *compute_);
    }
    const LayerStore store(place);
    ASSERT_EQ(store.finished(3), 2);
    const LayerChange kept = store.load(1), made = change(2);
    for (const char* module : {"up", "down"}) {
      const GroupedIntWeight &a = *kept.linears.at(module).grouped_int(),
                             &b = *made.linears.at(module).grouped_int();
      EXPECT_EQ(a.q, b.q);
      EXPECT_EQ(a.scales, b.scales);
      EXPECT_EQ(a.zeros, b.zeros);
      EXPECT_EQ(a.bits, b.bits);
      EXPECT_EQ(kept.linears.at(module).dequantize(), made.linears.at(module).dequantize());
    }
    EXPECT_EQ(kept.tensors, made.tensors);
    EXPECT_EQ(kept.figures, made.figures);
    EXPECT_EQ(kept.output_error, made.output_error);
    HiddenStates back = states(0, bytes), expected = states(7, bytes);
    store.load_states(1, back, *compute_);
    EXPECT_EQ(values(back), values(expected));
  }
}

TEST_F(Store, ALayerWithoutItsStatesOrADamagedOneCountsAsAbsent) {
  LayerStore store(folder_.path());
  HiddenStates some = states(1, 1 << 20);
  store.save(0, change(1), some, *compute_);
  store.save(1, change(2), some, *compute_);
  const auto layer = folder_.path() / "layer-1.safetensors";
  const std::string whole = testing::read_file(layer);
  testing::write_file(layer, whole.substr(0, whole.size() - 1));
  EXPECT_EQ(store.finished(3), 0);  // the states behind layer 0 went when layer 1 was kept
  testing::write_file(layer, whole);
  EXPECT_EQ(store.finished(3), 2);
  fs::remove(folder_.path() / "states-1.safetensors");
  EXPECT_EQ(store.finished(3), 0);
}

TEST_F(Store, TheLastLayerNeedsNoStates) {
  LayerStore store(folder_.path());
  HiddenStates some = states(1, 1 << 20);
  store.save(0, change(1), some, *compute_);
  store.save_last(1, change(2));
  EXPECT_EQ(store.finished(2), 2);
  EXPECT_FALSE(fs::exists(folder_.path() / "states-0.safetensors"));
}

}  // namespace
}  // namespace presswork::modelkit
