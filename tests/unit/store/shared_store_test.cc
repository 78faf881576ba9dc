// Several workspaces on one store: who uses it, and who may remove from it.
#include <sys/wait.h>

#include "orchestrator/store/registry.h"
#include "orchestrator/store/store_lock.h"
#include "orchestrator/store/workspace.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class SharedStore : public ::testing::Test {
 protected:
  TempDir dir_;
  fs::path store_ = dir_.path() / "store";
  base::FileSystem& files_ = base::real_file_system();
};

TEST_F(SharedStore, IsUsedByEachWorkspaceThatWasGivenIt) {
  const Workspace a = open_workspace(dir_.path() / "a", store_);
  const Workspace b = open_workspace(dir_.path() / "b", store_);
  EXPECT_TRUE(fs::equivalent(a.store(), b.store()));
  EXPECT_TRUE(fs::equivalent(open_workspace(dir_.path() / "a").store(), store_)) << "it is remembered";
  EXPECT_TRUE(fs::equivalent(open_workspace(dir_.path() / "a", store_).store(), store_));
  existing_workspace(dir_.path() / "a");
}

TEST_F(SharedStore, DoesNotReplaceTheOneThatAWorkspaceHas) {
  open_workspace(dir_.path() / "a");
  const auto error = error_of([&] { open_workspace(dir_.path() / "a", store_); });
  EXPECT_EQ(error.code, ErrorCode::invalid_input);
  EXPECT_NE(error.message.find("a/store"), std::string::npos) << error.message;
}

TEST_F(SharedStore, IsNotMadeInAFolderWithOtherThings) {
  write_file(dir_.path() / "home/letter", "dear");
  const auto error = error_of([&] { open_workspace(dir_.path() / "a", dir_.path() / "home"); });
  EXPECT_EQ(error.code, ErrorCode::invalid_input);
  EXPECT_NE(error.message.find("is not a store"), std::string::npos) << error.message;
}

TEST_F(SharedStore, ThatIsNotMountedIsNamed) {
  open_workspace(dir_.path() / "a", store_);
  fs::rename(store_, dir_.path() / "elsewhere");
  const auto error = error_of([&] { open_workspace(dir_.path() / "a"); });
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_NE(error.message.find(store_.native()), std::string::npos) << error.message;
}

TEST_F(SharedStore, KnowsItsWorkspacesAndWhichAreNotThere) {
  const ArtifactStore made(files_, store_);
  for (const char* name : {"b", "a", "c"}) {
    register_workspace(files_, store_, open_workspace(dir_.path() / name, store_).root);
  }
  register_workspace(files_, store_, dir_.path() / "a");
  fs::remove_all(dir_.path() / "b");
  fs::remove_all(dir_.path() / "c");
  fs::create_directories(dir_.path() / "c");  // what an unmounted disk leaves
  const auto known = registered_workspaces(files_, store_);
  ASSERT_EQ(known.size(), 3u);
  for (std::size_t i = 0; i < known.size(); ++i) {
    EXPECT_EQ(known[i].root, dir_.path() / std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(known[i].there, i == 0);
  }
  unregister_workspace(files_, store_, dir_.path() / "b");
  EXPECT_EQ(registered_workspaces(files_, store_).size(), 2u);
}

// A project that is moved takes its store along, and leaves nothing behind that is missed.
TEST_F(SharedStore, KnowsTheWorkspaceThatItLiesInWhereverThatIsMoved) {
  const Workspace workspace = open_workspace(dir_.path() / "a");
  register_workspace(files_, workspace.store(), workspace.root);
  write_file(workspace.ledger(), "");
  fs::rename(dir_.path() / "a", dir_.path() / "moved");
  const auto known = registered_workspaces(files_, dir_.path() / "moved/store");
  ASSERT_EQ(known.size(), 1u);
  EXPECT_EQ(known[0].root, dir_.path() / "moved");
}

TEST_F(SharedStore, DoesNotGuessWhichWorkspaceADamagedEntryMeant) {
  register_workspace(files_, store_, open_workspace(dir_.path() / "a", store_).root);
  const fs::path entry = fs::directory_iterator(store_ / "workspaces")->path();
  write_file(entry, "/somewhere else");
  EXPECT_EQ(error_of([&] { registered_workspaces(files_, store_); }).code, ErrorCode::corrupt);
}

TEST_F(SharedStore, IsSharedByRunsAndHadAloneByWhoRemoves) {
  fs::create_directories(store_);
  const auto run = StoreLock::share(store_);
  const auto other = StoreLock::share(store_);
  EXPECT_EQ(error_of([&] { StoreLock::alone(store_); }).code, ErrorCode::locked);
}

TEST_F(SharedStore, ThatIsHadAloneLetsNoRunBegin) {
  fs::create_directories(store_);
  auto gc = StoreLock::alone(store_);
  EXPECT_EQ(error_of([&] { StoreLock::share(store_); }).code, ErrorCode::locked);
  gc.reset();
  StoreLock::share(store_);
}

TEST_F(SharedStore, IsFreeAgainWhenItsHolderDied) {
  fs::create_directories(store_);
  const pid_t child = ::fork();
  if (child == 0) {
    StoreLock::alone(store_).release();
    ::_exit(0);  // no destructor runs
  }
  ::waitpid(child, nullptr, 0);
  StoreLock::alone(store_);
}

}  // namespace
}  // namespace presswork::store
