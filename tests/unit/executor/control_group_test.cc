#include "orchestrator/executor/control_group.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/child.h"

namespace presswork::executor {
namespace {

using testing::TemporaryFolder;

TEST(ControlGroups, AreThoseOfVersionTwo) {
  EXPECT_EQ(own_control_group("0::/\n"), fs::path());
  EXPECT_EQ(own_control_group("0::/a/b\n"), fs::path("a/b"));
  EXPECT_EQ(own_control_group("4:memory:/x\n0::/user.slice/s.scope\n"), fs::path("user.slice/s.scope"));
  EXPECT_EQ(own_control_group("4:memory:/x\n"), std::nullopt);
  EXPECT_EQ(own_control_group("0::/../other\n"), std::nullopt) << "outside of what is mounted";
  EXPECT_EQ(own_control_group(""), std::nullopt);
}

TEST(ControlGroups, AreLeftAloneWithoutAMemoryController) {
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "job");
  std::ofstream(folder.path() / "job/cgroup.controllers") << "cpu pids\n";
  EXPECT_EQ(ControlGroups::open(folder.path(), "0::/job\n"), nullptr);
  std::ofstream(folder.path() / "job/cgroup.controllers") << "cpu memory\n";
  EXPECT_EQ(ControlGroups::open(folder.path(), "0::/job\n"), nullptr) << "it cannot be handed down";
  EXPECT_EQ(ControlGroups::open(folder.path(), "0::/none\n"), nullptr);
  for (const auto& entry : fs::directory_iterator(folder.path() / "job"))
    EXPECT_EQ(entry.path().filename(), "cgroup.controllers");
}

}  // namespace
}  // namespace presswork::executor
