#include "plugins/modelkit/quantize/rotation.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "../modelkit_formats/support.h"
#include "plugins/modelkit/model/transformer.h"
#include "plugins/modelkit/quantize/hadamard.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PRESSWORK_SOURCE_DIR;
const fs::path kFixtures = kRoot / "tests/data/fixtures";

TEST(PaleyHadamard, RowsOfSignsAreOrthogonal) {
  for (const std::size_t order : {1U, 2U, 4U, 12U, 20U, 24U, 28U, 36U, 44U, 60U, 76U, 104U, 180U}) {
    const auto h = paley_hadamard(order);
    ASSERT_TRUE(h) << order;
    for (std::size_t a = 0; a < order; ++a) {
      for (std::size_t b = 0; b < order; ++b) {
        int product = 0;
        for (std::size_t i = 0; i < order; ++i) product += (*h)[a * order + i] * (*h)[b * order + i];
        ASSERT_EQ(product, a == b ? static_cast<int>(order) : 0) << order << ": rows " << a << ", " << b;
      }
    }
  }
  // A prime power and an order that neither construction reaches; no Hadamard matrix; a prime of the other
  // kind.
  for (const std::size_t order : {52U, 92U, 6U, 14U, 38U}) EXPECT_FALSE(paley_hadamard(order)) << order;
}

// Q row by row: the images of the unit vectors.
std::vector<double> matrix_of(const Rotation& rotation) {
  const std::size_t n = rotation.size();
  std::vector<double> q(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) q[i * n + i] = 1.0;
  rotation.apply(q.data(), n);
  return q;
}

double largest_offence(const std::vector<double>& q, std::size_t n) {
  double worst = 0;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double product = 0;
      for (std::size_t i = 0; i < n; ++i) product += q[a * n + i] * q[b * n + i];
      worst = std::max(worst, std::abs(product - (a == b ? 1.0 : 0.0)));
    }
  }
  return worst;
}

TEST(Rotation, IsOrthogonalWhateverTheSize) {
  for (const std::size_t size : {1U, 2U, 32U, 64U, 80U, 96U, 384U, 576U, 3U, 52U, 92U}) {
    EXPECT_LT(largest_offence(matrix_of(Rotation(size, 7)), size), 1e-12) << size;
  }
}

TEST(Rotation, SpreadsEachInputEvenlyWhereAHadamardMatrixIsKnown) {
  for (const std::size_t size : {32U, 384U, 576U, 896U}) {  // 2^5, 12 * 2^5, 36 * 2^4, 28 * 2^5
    ASSERT_TRUE(Rotation::known(size));
    const double even = 1.0 / std::sqrt(static_cast<double>(size));
    for (const double value : matrix_of(Rotation(size, 1))) ASSERT_NEAR(std::abs(value), even, 1e-12);
  }
  EXPECT_FALSE(Rotation::known(92));
  EXPECT_FALSE(Rotation(92, 1).hadamard());
}

TEST(Rotation, TheSeedDecides) {
  for (const std::size_t size : {48U, 92U}) {
    EXPECT_EQ(matrix_of(Rotation(size, 1)), matrix_of(Rotation(size, 1)));
    EXPECT_NE(matrix_of(Rotation(size, 1)), matrix_of(Rotation(size, 2)));
  }
}

struct Outcome {
  std::vector<float> states, logits;  // before the first layer; at the end
};

Outcome outcome_of(const ModelSource& source) {
  const auto compute = make_cpu_compute(2);
  Transformer model(*compute, source);
  std::vector<std::int32_t> ids(2 * 24);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>((i * i + 3 * i) % 60);
  const Matrix states = model.embed(ids, 24);
  Outcome outcome;
  outcome.states.resize(states.rows * states.cols);
  compute->read(states, outcome.states);
  for (std::int64_t i = 0; i < model.layers(); ++i) model.layer(i).forward(states, 24, model.rope());
  model.final_norm(states);
  const Matrix logits = model.logits(states);
  outcome.logits.resize(logits.rows * logits.cols);
  compute->read(logits, outcome.logits);
  return outcome;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b.at(i)));
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
  }
  return worst / largest;
}

class RotatedModel : public ::testing::Test {
 protected:
  // All linears as float32, as their quantization takes them; with `all` embedding and head, too.
  fs::path rotated(const ModelSource& model, std::uint64_t seed = 0, unsigned workers = 2, bool all = false) {
    ModelRotation rotation{.seed = seed, .precise = {}};
    if (all) rotation.precise = {"model.embed_tokens", "lm_head"};
    for (const LinearSite& site : decoder_linears(model.config())) rotation.precise.insert(site.module);
    const fs::path folder = folder_.path() / std::to_string(count_++);
    ThreadPool threads(workers);
    write_rotated(model, rotation, folder, threads);
    return folder;
  }

  // Largest difference of the logits, relative to the largest of them.
  double change_of(const fs::path& original, bool all = false) {
    const ModelSource before = ModelSource::open(original);
    const ModelSource after = ModelSource::open(rotated(before, 0, 2, all));
    const Outcome a = outcome_of(before), b = outcome_of(after);
    EXPECT_GT(difference(a.states, b.states), 0.1) << "the states of " << original << " are not rotated";
    EXPECT_FALSE(after.config().tied_embeddings);
    return difference(a.logits, b.logits);
  }

  testing::TemporaryFolder folder_;
  int count_ = 0;
};

// Query heads that share keys and values in all of them; tied heads, biases, fused modules, norms of queries
// and keys, experts with and without a shared one, 1 + weight, multipliers.
TEST_F(RotatedModel, ComputesWhatTheOriginalDid) {
  for (const char* name :
       {"llama3",    "llama-bias", "qwen2",        "qwen3",   "phi3",       "gemma",   "granite",
        "helium",    "glm",        "mistral",      "smollm3", "seed-oss",   "hunyuan", "mixtral",
        "qwen2-moe", "qwen3-moe",  "ernie4-5-moe", "dots1",   "minimax-m2", "arcee",   "olmoe"}) {
    EXPECT_LT(change_of(kFixtures / name), 2e-5) << name;
  }
}

TEST_F(RotatedModel, ComputesTheSameUpToTheRoundingOfEmbeddingAndHeadInTheirType) {
  const fs::path model = kRoot / "examples/models/tiny-llama";  // of bfloat16
  EXPECT_LT(change_of(model, true), 2e-5);
  EXPECT_GT(change_of(model), 1e-4);
  EXPECT_LT(change_of(model), 1e-2);
}

TEST_F(RotatedModel, HasNeutralNormsAndKeepsTypes) {
  const ModelSource model = ModelSource::open(kRoot / "examples/models/tiny-llama");
  const ModelSource after = ModelSource::open(rotated(model));
  const auto norm = after.values("model.layers.1.input_layernorm.weight", 128);
  EXPECT_THAT(norm, ::testing::Each(1.0F));
  EXPECT_EQ(after.checkpoint().tensor("model.embed_tokens.weight").dtype, DType::BF16);
  EXPECT_EQ(after.checkpoint().tensor("lm_head.weight").dtype, DType::BF16);
  EXPECT_EQ(after.checkpoint().tensor("model.layers.0.self_attn.q_proj.weight").dtype, DType::F32);
  ModelRotation none{.seed = 0, .precise = {}};
  EXPECT_EQ(rotated_bytes(model, none), model.checkpoint().total_bytes());
}

TEST_F(RotatedModel, DependsOnTheSeedAloneAndReplacesWhatADeadAttemptLeft) {
  const ModelSource model = ModelSource::open(kFixtures / "llama3");
  testing::write_file(folder_.path() / "0.partial/model.safetensors", "half a file");
  const auto bytes = [&](std::uint64_t seed, unsigned workers) {
    return testing::read_file(rotated(model, seed, workers) / "model.safetensors");
  };
  const std::string first = bytes(3, 1);
  EXPECT_TRUE(first == bytes(3, 2));
  EXPECT_FALSE(first == bytes(4, 2));
}

TEST_F(RotatedModel, RefusesWhatRotatedStatesWouldChange) {
  const std::map<std::string, std::string> features = {
      {"cohere", "LayerNorm"},           {"phi", "LayerNorm"},     {"olmo", "LayerNorm"},
      {"gemma2", "norms behind"},        {"glm4", "norms behind"}, {"olmo2", "norms behind"},
      {"gemma3-global", "norms behind"}, {"opt", "LayerNorm"}};
  for (const auto& [name, feature] : features) {
    try {
      require_rotatable(ModelSource::open(kFixtures / name));
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, "unsupported") << name;
      EXPECT_THAT(error.message, ::testing::HasSubstr(feature)) << name;
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
