// The forward pass against transformers' own results for tiny random models (tests/data/fixtures, saved by
// transformers 5.17 in float32).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "plugins/modelkit/formats/safetensors.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {
namespace {

const std::filesystem::path kFixtures = std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures";

class Fixture : public testing::TestWithParam<const char*> {
 protected:
  std::vector<std::int32_t> ids(const char* name) const {
    const TensorView* tensor = expected_.find(name);
    std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
    to_float(tensor->dtype, tensor->bytes.data(), values.size(), values.data());
    return {values.begin(), values.end()};
  }

  // Largest difference from `expected_[name]`, starting at its element `first`.
  double difference(const Matrix& got, const char* name, std::size_t first = 0) {
    const TensorView* tensor = expected_.find(name);
    std::vector<float> wanted(static_cast<std::size_t>(tensor->elements())), values(got.rows * got.cols);
    to_float(tensor->dtype, tensor->bytes.data(), wanted.size(), wanted.data());
    compute_->read(got, values);
    double worst = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(values[i] - wanted.at(first + i))));
    }
    return worst;
  }

  std::filesystem::path folder_ = kFixtures / GetParam();
  SafetensorsFile expected_{folder_ / "expected.safetensors"};
  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  ModelSource source_ = ModelSource::open(folder_);
  Transformer model_{*compute_, source_};
};

TEST_P(Fixture, EveryHiddenStateAndTheLogitsAgreeWithTransformers) {
  const auto input = ids("input_ids");
  constexpr std::size_t kTokens = 48;
  const Matrix states = model_.embed(input, kTokens);
  const std::size_t values = states.rows * states.cols;
  for (std::int64_t i = 0; i < model_.layers(); ++i) {
    EXPECT_LE(difference(states, "hidden_states", static_cast<std::size_t>(i) * values), 1e-4)
        << "before layer " << i;
    model_.layer(i).forward(states, kTokens, model_.rope());
  }
  model_.final_norm(states);
  EXPECT_LE(difference(states, "hidden_states", static_cast<std::size_t>(model_.layers()) * values), 1e-4);
  const double logits = difference(model_.logits(states), "logits");
  EXPECT_LE(logits, 1e-4);
  RecordProperty("logits_max_difference", std::to_string(logits));
}

TEST_P(Fixture, TheGreedyContinuationIsTheSame) {
  const auto greedy = ids("greedy");
  constexpr std::size_t kPrompt = 8;
  std::vector<std::int32_t> tokens(greedy.begin(), greedy.begin() + kPrompt);
  while (tokens.size() < greedy.size()) {
    const Matrix states = model_.embed(tokens, tokens.size());
    for (std::int64_t i = 0; i < model_.layers(); ++i) {
      model_.layer(i).forward(states, tokens.size(), model_.rope());
    }
    model_.final_norm(states);
    const Matrix logits = model_.logits(states.row_range(tokens.size() - 1, 1));
    std::vector<float> values(logits.cols);
    compute_->read(logits, values);
    tokens.push_back(
        static_cast<std::int32_t>(std::max_element(values.begin(), values.end()) - values.begin()));
  }
  EXPECT_EQ(tokens, greedy);
}

TEST_P(Fixture, DecodingWithACacheGivesTheSameHiddenStatesAsTheWholeSequence) {
  constexpr std::size_t kTokens = 24, kPrompt = 10;
  auto input = ids("input_ids");
  input.resize(kTokens);
  const Matrix whole = model_.embed(input, kTokens);
  std::vector<Matrix> parts;
  parts.push_back(model_.embed(std::span(input).first(kPrompt), kTokens));
  for (std::size_t t = kPrompt; t < kTokens; ++t)
    parts.push_back(model_.embed(std::span(input).subspan(t, 1), kTokens));
  const auto width = static_cast<std::size_t>(model_.config().kv_heads * model_.config().head_dim);
  for (std::int64_t i = 0; i < model_.layers(); ++i) {
    DecoderLayer layer = model_.layer(i);
    layer.forward(whole, kTokens, model_.rope());
    LayerCache cache{compute_->allocate(kTokens, width), compute_->allocate(kTokens, width), 0};
    for (const Matrix& part : parts) layer.forward(part, part.rows, model_.rope(), {}, &cache);
  }
  std::vector<float> expected(whole.cols), got(whole.cols);
  for (std::size_t t = kPrompt; t < kTokens; ++t) {
    compute_->read(whole.row_range(t, 1), expected);
    compute_->read(parts[t - kPrompt + 1], got);
    for (std::size_t c = 0; c < whole.cols; ++c) ASSERT_NEAR(got[c], expected[c], 2e-4) << "token " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Fixture, testing::Values("llama", "llama-bias", "llama3"));

}  // namespace
}  // namespace presswork::modelkit
