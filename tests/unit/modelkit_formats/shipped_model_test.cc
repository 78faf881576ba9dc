// The real models: the one that ships, and those beside the repository where they are.
#include <gmock/gmock.h>

#include "plugins/modelkit/checkpoint/verify.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PRESSWORK_SOURCE_DIR;

StructureReport check(const fs::path& folder) {
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const auto model = ModelConfig::parse(checkpoint.config(), checkpoint.config_path());
  return check_structure(checkpoint, model, {});
}

TEST(ShippedModel, TinyLlamaIsWhole) {
  const auto report = check(kRoot / "examples/models/tiny-llama");
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
  EXPECT_THAT(report.unexpected, ::testing::IsEmpty());
  EXPECT_EQ(report.parameters, 1787008);
}

TEST(ShippedModel, EveryFixtureIsWhole) {
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/data/fixtures")) {
    const auto report = check(entry.path());
    EXPECT_THAT(report.problems, ::testing::IsEmpty()) << entry.path();
    EXPECT_THAT(report.unexpected, ::testing::IsEmpty()) << entry.path();
  }
}

TEST(ShippedModel, EveryModelBesideTheRepositoryIsWhole) {
  const fs::path shared = kRoot.parent_path() / "shared";
  if (!fs::exists(shared / "fixtures")) GTEST_SKIP() << "skipped: no ../shared/fixtures";
  std::vector<fs::path> folders{shared / "models/small-llama"};
  for (const auto& entry : fs::directory_iterator(shared / "fixtures")) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  for (const auto& folder : folders) {
    const auto report = check(folder);
    EXPECT_THAT(report.problems, ::testing::IsEmpty()) << folder;
    EXPECT_THAT(report.unexpected, ::testing::IsEmpty()) << folder;
  }
}

}  // namespace
}  // namespace presswork::modelkit
