// The forward pass against transformers' own results for tiny random models, in float32: every folder of
// tests/data/fixtures, and those beside the repository that are too large for it.
// tests/support/make_fixture.py makes more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/formats/safetensors.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PRESSWORK_SOURCE_DIR;

std::vector<fs::path> fixtures() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/data/fixtures")) {
    if (fs::exists(entry.path() / "expected.safetensors")) folders.push_back(entry.path());
  }
  for (const char* large : {"gemma3", "mixtral"}) {
    folders.push_back(kRoot.parent_path() / "shared/fixtures" / large);
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::string name_of_fixture(const testing::TestParamInfo<fs::path>& info) {
  std::string name = info.param.parent_path().parent_path().filename() == "shared" ? "shared_" : "";
  for (const char c : info.param.filename().string()) name += std::isalnum(c) != 0 ? c : '_';
  return name;
}

class Fixture : public testing::TestWithParam<fs::path> {
 protected:
  void SetUp() override {
    if (!fs::exists(GetParam())) GTEST_SKIP() << "skipped: no " << GetParam().string();
    expected_ = std::make_unique<SafetensorsFile>(GetParam() / "expected.safetensors");
    source_ = std::make_unique<ModelSource>(ModelSource::open(GetParam()));
    transformer_ = std::make_unique<Transformer>(*compute_, *source_);
  }
  Transformer& model() { return *transformer_; }

  std::vector<std::int32_t> ids(const char* name) const {
    const TensorView* tensor = expected_->find(name);
    std::vector<float> values(static_cast<std::size_t>(tensor->elements()));
    to_float(tensor->dtype, tensor->bytes.data(), values.size(), values.data());
    return {values.begin(), values.end()};
  }

  // Largest difference from `expected_[name]`, starting at its element `first`.
  double difference(const Matrix& got, const char* name, std::size_t first = 0) {
    const TensorView* tensor = expected_->find(name);
    std::vector<float> wanted(static_cast<std::size_t>(tensor->elements())), values(got.rows * got.cols);
    to_float(tensor->dtype, tensor->bytes.data(), wanted.size(), wanted.data());
    compute_->read(got, values);
    double worst = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(values[i] - wanted.at(first + i))));
    }
    return worst;
  }

  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  std::unique_ptr<SafetensorsFile> expected_;
  std::unique_ptr<ModelSource> source_;
  std::unique_ptr<Transformer> transformer_;
};

TEST_P(Fixture, EveryHiddenStateAndTheLogitsAgreeWithTransformers) {
  const auto input = ids("input_ids");
  constexpr std::size_t kTokens = 48;
  const Matrix states = model().embed(input, kTokens);
  const std::size_t values = states.rows * states.cols;
  for (std::int64_t i = 0; i < model().layers(); ++i) {
    EXPECT_LE(difference(states, "hidden_states", static_cast<std::size_t>(i) * values), 1e-4)
        << "before layer " << i;
    model().layer(i).forward(states, kTokens, model().rope());
  }
  model().final_norm(states);
  const double last =
      difference(states, "hidden_states", static_cast<std::size_t>(model().layers()) * values);
  EXPECT_LE(last, 1e-4);
  const double logits = difference(model().logits(states), "logits");
  EXPECT_LE(logits, 1e-4);
  std::printf("logits differ by at most %.2g, the last hidden states by %.2g\n", logits, last);
}

TEST_P(Fixture, TheGreedyContinuationIsTheSame) {
  const auto greedy = ids("greedy");
  constexpr std::size_t kPrompt = 8;
  std::vector<std::int32_t> tokens(greedy.begin(), greedy.begin() + kPrompt);
  while (tokens.size() < greedy.size()) {
    const Matrix states = model().embed(tokens, tokens.size());
    for (std::int64_t i = 0; i < model().layers(); ++i) {
      model().layer(i).forward(states, tokens.size(), model().rope());
    }
    model().final_norm(states);
    const Matrix logits = model().logits(states.row_range(tokens.size() - 1, 1));
    std::vector<float> values(logits.cols);
    compute_->read(logits, values);
    tokens.push_back(
        static_cast<std::int32_t>(std::max_element(values.begin(), values.end()) - values.begin()));
  }
  EXPECT_EQ(tokens, greedy);
}

TEST_P(Fixture, DecodingWithACacheGivesTheSameHiddenStatesAsTheWholeSequence) {
  constexpr std::size_t kTokens = 40, kPrompt = 10;
  auto input = ids("input_ids");
  input.resize(kTokens);
  const Matrix whole = model().embed(input, kTokens);
  std::vector<Matrix> parts;
  parts.push_back(model().embed(std::span(input).first(kPrompt), kTokens));
  for (std::size_t t = kPrompt; t < kTokens; ++t)
    parts.push_back(model().embed(std::span(input).subspan(t, 1), kTokens, t));
  const auto width = static_cast<std::size_t>(model().config().kv_heads * model().config().head_dim);
  for (std::int64_t i = 0; i < model().layers(); ++i) {
    DecoderLayer layer = model().layer(i);
    layer.forward(whole, kTokens, model().rope());
    LayerCache cache{compute_->allocate(kTokens, width), compute_->allocate(kTokens, width), 0};
    for (const Matrix& part : parts) layer.forward(part, part.rows, model().rope(), {}, &cache);
  }
  std::vector<float> expected(whole.cols), got(whole.cols);
  for (std::size_t t = kPrompt; t < kTokens; ++t) {
    compute_->read(whole.row_range(t, 1), expected);
    compute_->read(parts[t - kPrompt + 1], got);
    for (std::size_t c = 0; c < whole.cols; ++c) ASSERT_NEAR(got[c], expected[c], 2e-4) << "token " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Fixture, testing::ValuesIn(fixtures()), name_of_fixture);

}  // namespace
}  // namespace presswork::modelkit
