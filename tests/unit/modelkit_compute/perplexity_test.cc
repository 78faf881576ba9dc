#include "plugins/modelkit/evaluate/perplexity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "plugins/modelkit/data/text.h"
#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"
#include "presswork/error.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

const std::filesystem::path kSource = PRESSWORK_SOURCE_DIR;

std::vector<std::int32_t> random_ids(std::size_t count, std::int32_t vocabulary) {
  std::mt19937 generator(7);
  std::vector<std::int32_t> ids(count);
  for (auto& id : ids) id = static_cast<std::int32_t>(generator() % static_cast<unsigned>(vocabulary));
  return ids;
}

struct Options {
  std::size_t window = 512;
  PassOptions pass;
};

Perplexity measure(const std::filesystem::path& folder, const std::vector<std::int32_t>& ids,
                   unsigned threads, const Options& options) {
  const auto compute = make_cpu_compute(threads);
  const ModelSource source = ModelSource::open(folder);
  Transformer model(*compute, source);
  return perplexity(model, TokenWindows(ids, options.window), options.pass);
}

Options windows_of(std::size_t tokens) { return {.window = tokens, .pass = {}}; }

// Expected values: a float64 NumPy program written from the architecture's equations, with Hugging Face
// tokenizers.
struct Golden {
  std::size_t window;
  std::uint64_t windows, tokens;
  double perplexity, standard_error;
};

class ShippedModel : public ::testing::TestWithParam<Golden> {};

TEST_P(ShippedModel, HasTheShippedTextsPerplexityThatFloat64Gives) {
  const auto folder = kSource / "examples/models/tiny-llama";
  const auto ids = Tokenizer::open(folder).encode(read_text(kSource / "examples/text/eval.txt"), false);
  const Golden& golden = GetParam();
  const Perplexity got = measure(folder, ids, 2, windows_of(golden.window));
  EXPECT_EQ(ids.size(), 14627U);
  EXPECT_EQ(got.windows, golden.windows);
  EXPECT_EQ(got.tokens, golden.tokens);
  EXPECT_NEAR(got.perplexity, golden.perplexity, 5e-6 * golden.perplexity);
  EXPECT_NEAR(got.standard_error, golden.standard_error, 1e-4 * golden.standard_error);
}

INSTANTIATE_TEST_SUITE_P(Windows, ShippedModel,
                         ::testing::Values(Golden{128, 114, 14478, 34.66441947, 0.722243},
                                         Golden{256, 57, 14535, 33.14065056, 0.802535},
                                         Golden{512, 28, 14308, 81.73589083, 2.674706}));

class SmallModel : public ::testing::Test {
 protected:
  std::filesystem::path folder_ = kSource / "tests/data/fixtures/llama-bias";
  std::vector<std::int32_t> ids_ = random_ids(1000, 256);
};

TEST_F(SmallModel, GivesTheSameBitsForAnyNumberOfThreads) {
  const Perplexity one = measure(folder_, ids_, 1, windows_of(96));
  for (const unsigned threads : {2U, 3U, 5U}) {
    const Perplexity other = measure(folder_, ids_, threads, windows_of(96));
    EXPECT_EQ(one.mean_nll, other.mean_nll) << threads;
    EXPECT_EQ(one.standard_error, other.standard_error) << threads;
  }
}

TEST_F(SmallModel, GivesTheSameBitsHoweverManyWindowsAreHeldAtOnce) {
  const Perplexity together = measure(folder_, ids_, 2, windows_of(64));
  Options options = windows_of(64);
  options.pass.states.bytes = 1;
  EXPECT_EQ(measure(folder_, ids_, 2, options).mean_nll, together.mean_nll);
}

TEST_F(SmallModel, ReportsProgressThatGrowsToTheNumberOfWindowsAndMayEndTheWork) {
  Options options = windows_of(100);
  double last = -1.0;
  options.pass.progress = [&](double done, double total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, 10.0);
    last = done;
  };
  measure(folder_, ids_, 1, options);
  EXPECT_EQ(last, 10.0);
  options.pass.progress = [](double, double) { throw Cancelled(); };
  EXPECT_THROW(measure(folder_, ids_, 1, options), Cancelled);
}

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {"", "nothing was thrown"};
}

TEST_F(SmallModel, RefusesATextShorterThanOneWindowAndSaysBothCounts) {
  const Error error = error_of([&] { measure(folder_, ids_, 1, windows_of(1001)); });
  EXPECT_EQ(error.code, "invalid_input");
  EXPECT_THAT(error.message, ::testing::HasSubstr("1000 tokens"));
  EXPECT_THAT(error.message, ::testing::HasSubstr("1001"));
}

TEST_F(SmallModel, RefusesAWindowThatPredictsNothing) {
  const Error error = error_of([&] { measure(folder_, ids_, 1, windows_of(1)); });
  EXPECT_EQ(error.code, "invalid_parameter");
  EXPECT_EQ(error.where, "/window");
}

TEST_F(SmallModel, RefusesIdsOutsideTheVocabulary) {
  ids_[500] = 256;
  EXPECT_EQ(error_of([&] { measure(folder_, ids_, 1, windows_of(100)); }).code, "invalid_input");
}

class DamagedModel : public SmallModel {
 protected:
  // A copy of the model with one value of `tensor` overwritten.
  void damage(const std::string& tensor, float value) {
    std::filesystem::remove_all(copy_);
    std::filesystem::create_directories(copy_);
    std::filesystem::copy(folder_ / "config.json", copy_);
    std::stringstream content;
    content << std::ifstream(folder_ / "model.safetensors", std::ios::binary).rdbuf();
    std::string bytes = content.str();
    const SafetensorsFile file(folder_ / "model.safetensors");
    const auto offset = file.find(tensor)->bytes.data() - file.file().bytes().data();
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    std::ofstream(copy_ / "model.safetensors", std::ios::binary) << bytes;
  }
  void TearDown() override { std::filesystem::remove_all(copy_); }

  std::filesystem::path copy_ =
      presswork::testing::process_folder() /
      (std::string("damaged-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(DamagedModel, NamesTheTensorWhoseNanReachesTheActivations) {
  damage("model.layers.1.mlp.up_proj.weight", std::numeric_limits<float>::quiet_NaN());
  const Error error = error_of([&] { measure(copy_, ids_, 2, windows_of(100)); });
  EXPECT_EQ(error.code, "not_finite");
  EXPECT_EQ(error.where, "model.layers.1.mlp.up_proj");
  EXPECT_THAT(error.message, ::testing::HasSubstr("model.layers.1.mlp.up_proj.weight"));
}

TEST_F(DamagedModel, NamesTheLayerWhoseOutputOverflows) {
  damage("model.layers.2.self_attn.o_proj.weight", std::numeric_limits<float>::max());
  const Error error = error_of([&] { measure(copy_, ids_, 2, windows_of(100)); });
  EXPECT_EQ(error.code, "not_finite");
  EXPECT_THAT(error.where, ::testing::HasSubstr("model.layers.2."));
}

TEST_F(DamagedModel, NamesTheHead) {
  damage("lm_head.weight", std::numeric_limits<float>::quiet_NaN());
  const Error error = error_of([&] { measure(copy_, ids_, 2, windows_of(100)); });
  EXPECT_EQ(error.code, "not_finite");
  EXPECT_EQ(error.where, "lm_head");
}

}  // namespace
}  // namespace presswork::modelkit
