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

TEST(ShippedModel, EveryLlamaBesideTheRepositoryIsWhole) {
  const fs::path shared = kRoot.parent_path() / "shared";
  if (!fs::exists(shared / "fixtures")) GTEST_SKIP() << "skipped: no ../shared/fixtures";
  for (const char* name :
       {"fixtures/llama", "fixtures/llama-bias", "fixtures/llama3", "models/small-llama"}) {
    const auto report = check(shared / name);
    EXPECT_THAT(report.problems, ::testing::IsEmpty()) << name;
    EXPECT_THAT(report.unexpected, ::testing::IsEmpty()) << name;
  }
}

}  // namespace
}  // namespace presswork::modelkit
