#include "tests/support/synthetic_model/synthetic_model.h"

#include <gmock/gmock.h>

#include <cmath>

#include "plugins/modelkit/checkpoint/verify.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

constexpr testing::SyntheticShape kSmall{1024, 96, 2, 8, 2, 300};

TEST(SyntheticModel, IsAWholeModelInShards) {
  const testing::TemporaryFolder folder;
  testing::write_synthetic_model(folder.path(), kSmall, 1, 2, 2'000'000);
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_GT(checkpoint.weight_files().size(), 3u);
  const auto model = ModelConfig::parse(checkpoint.config(), "config.json");
  const auto report = check_structure(checkpoint, model, {});
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
  EXPECT_THAT(report.unexpected, ::testing::IsEmpty());
}

TEST(SyntheticModel, IsTheSameOnAnyNumberOfThreadsAndAnotherWithAnotherSeed) {
  const testing::TemporaryFolder one, three, other;
  testing::write_synthetic_model(one.path(), kSmall, 1, 1);
  testing::write_synthetic_model(three.path(), kSmall, 1, 3);
  testing::write_synthetic_model(other.path(), kSmall, 2, 1);
  const auto bytes = [](const auto& folder) {
    return testing::read_file(folder.path() / "model.safetensors");
  };
  EXPECT_TRUE(bytes(one) == bytes(three));
  EXPECT_FALSE(bytes(one) == bytes(other));
}

TEST(SyntheticModel, HasNormalWeightsWithOutlierChannels) {
  const testing::TemporaryFolder folder;
  testing::write_synthetic_model(folder.path(), kSmall, 1, 2);
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const TensorView& tensor = checkpoint.tensor("model.layers.1.self_attn.q_proj.weight");
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  to_float(tensor.dtype, tensor.bytes.data(), values.size(), values.data());
  double usual = 0, outliers = 0, mean = 0;
  std::size_t usual_count = 0, outlier_count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double square = static_cast<double>(values[i]) * values[i];
    const bool outlier = i % 1024 % 500 == 123;
    (outlier ? outliers : usual) += square;
    ++(outlier ? outlier_count : usual_count);
    mean += values[i];
  }
  EXPECT_NEAR(std::sqrt(usual / static_cast<double>(usual_count)), 0.02, 2e-4);
  EXPECT_NEAR(std::sqrt(outliers / static_cast<double>(outlier_count)), 0.16, 0.01);
  EXPECT_NEAR(mean / static_cast<double>(values.size()), 0.0, 1e-4);
  EXPECT_THAT(testing::values<std::uint16_t>(checkpoint.tensor("model.norm.weight")),
              ::testing::Each(0x3f80));
}

}  // namespace
}  // namespace presswork::modelkit
