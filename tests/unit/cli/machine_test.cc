#include "orchestrator/cli/machine.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/child.h"

namespace presswork::cli {
namespace {

TEST(Machine, RoundsAQuotaOfProcessorTimeUp) {
  EXPECT_EQ(cores_of_quota("150000 100000"), 2);
  EXPECT_EQ(cores_of_quota("10000 100000"), 1);
  EXPECT_EQ(cores_of_quota("max 100000"), std::nullopt);
  EXPECT_EQ(cores_of_quota(""), std::nullopt);
  EXPECT_EQ(cores_of_quota("5 0"), std::nullopt);
}

TEST(Machine, ObeysTheTightestControlGroupAbove) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "batch/job");
  std::ofstream(folder.path() / "batch/cpu.max") << "400000 100000\n";
  std::ofstream(folder.path() / "batch/memory.max") << "1073741824\n";
  std::ofstream(folder.path() / "batch/job/cpu.max") << "max 100000\n";
  std::ofstream(folder.path() / "batch/job/memory.max") << "max\n";
  Machine machine{16, 8ull << 30};
  apply_control_groups(machine, folder.path(), "0::/batch/job\n");
  EXPECT_EQ(machine.cores, 4);
  EXPECT_EQ(machine.memory, 1ull << 30);
}

TEST(Machine, StandsWithoutControlGroups) {
  Machine machine{3, 100};
  apply_control_groups(machine, "/nonexistent", "1:name=systemd:/\n");
  EXPECT_EQ(machine.cores, 3);
  EXPECT_EQ(machine.memory, 100u);
  EXPECT_GE(this_machine().cores, 1);
}

}  // namespace
}  // namespace presswork::cli
