#include "plugins/modelkit/evaluate/hidden_states.h"

#include <gtest/gtest.h>

#include <numeric>

#include "golden.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::vector<float> all_values(Compute& compute, HiddenStates& states, std::size_t width) {
  std::vector<float> values;
  states.read([&](const Matrix& block, std::size_t, std::size_t) {
    std::vector<float> part(block.rows * width);
    compute.read(block, part);
    values.insert(values.end(), part.begin(), part.end());
  });
  return values;
}

class States : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::size_t kTokens = 3, kWidth = 5, kWindows = 7;
  std::unique_ptr<Compute> compute_ = make_cpu_compute(1);
};

TEST_P(States, KeepWhatEachBlockWasGivenAndVisitWindowsInOrder) {
  HiddenStates states(*compute_, kWindows, kTokens, kWidth, {.bytes = GetParam(), .folder = {}});
  EXPECT_EQ(states.spilled(), GetParam() < kWindows * kTokens * kWidth * sizeof(float));
  std::size_t next = 0;
  states.each(
      [&](const Matrix& block, std::size_t first, std::size_t count) {
        EXPECT_EQ(first, next);
        EXPECT_EQ(block.rows, count * kTokens);
        next += count;
        std::vector<float> values(block.rows * kWidth);
        std::iota(values.begin(), values.end(), static_cast<float>(first * kTokens * kWidth));
        compute_->write(block, values);
      },
      true);
  EXPECT_EQ(next, kWindows);
  states.each([&](const Matrix& block, std::size_t, std::size_t) { compute_->add(block, block); });
  const auto values = all_values(*compute_, states, kWidth);
  ASSERT_EQ(values.size(), kWindows * kTokens * kWidth);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], 2.0F * static_cast<float>(i));
}

TEST_P(States, AreNotChangedByReading) {
  HiddenStates states(*compute_, kWindows, kTokens, kWidth, {.bytes = GetParam(), .folder = {}});
  const auto fill = [&](float value) {
    return [this, value](const Matrix& block, std::size_t, std::size_t) {
      compute_->write(block, std::vector<float>(block.rows * kWidth, value));
    };
  };
  states.each(fill(1.0F), true);
  if (states.spilled()) states.read(fill(2.0F));
  for (const float value : all_values(*compute_, states, kWidth)) EXPECT_EQ(value, 1.0F);
}

INSTANTIATE_TEST_SUITE_P(Limits, States, testing::Values(1, 2 * 60, 5 * 60, 1 << 20));

TEST(HiddenStatesOfAModel, AreTheSameBitsInMemoryAndInAFile) {
  const auto compute = make_cpu_compute(2);
  const ModelSource source = ModelSource::open(kModel);
  Transformer model(*compute, source);
  std::vector<std::int32_t> ids(7 * 40);
  std::iota(ids.begin(), ids.end(), 100);
  const TokenWindows windows(ids, 40);
  HiddenStates memory = run_layers(model, windows, {});
  HiddenStates file = run_layers(model, windows, {.bytes = 2 * 40 * 128 * 4, .folder = {}});
  EXPECT_FALSE(memory.spilled());
  EXPECT_TRUE(file.spilled());
  EXPECT_TRUE(all_values(*compute, memory, 128) == all_values(*compute, file, 128));
}

TEST(HiddenStatesFile, SaysWhereItCannotBe) {
  const auto compute = make_cpu_compute(1);
  try {
    HiddenStates states(*compute, 2, 1, 1, {.bytes = 1, .folder = "/no/such/folder"});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "io");
    EXPECT_NE(error.message.find("/no/such/folder"), std::string::npos) << error.message;
  }
}

TEST(PredictedMemory, IsThatOfOneLayerWhateverTheirNumber) {
  const ModelSource source = ModelSource::open(kModel);
  const StateLimit limit{.bytes = 1 << 20, .folder = {}};
  // 128 wide: a window of 256 is 128 KiB; beyond the limit only the bookkeeping of rows grows.
  const auto few = predicted_pass_bytes(source, 8, 256, limit),
             many = predicted_pass_bytes(source, 800, 256, limit);
  EXPECT_LT(many - few, 800U * 256 * 40);
}

}  // namespace
}  // namespace presswork::modelkit
