#include "orchestrator/store/workspace.h"

#include <signal.h>
#include <sys/wait.h>

#include "orchestrator/base/json.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using base::Json;
using testing::error_of;
using testing::mode_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class WorkspaceTest : public ::testing::Test {
 protected:
  TempDir dir_;
  fs::path root_ = dir_.path() / ".presswork";
};

TEST_F(WorkspaceTest, IsMadeForItsOwnerAloneAndHiddenFromGit) {
  const Workspace workspace = open_workspace(root_);
  EXPECT_EQ(workspace.root, root_);
  for (const fs::path& folder : {root_, workspace.store(), workspace.cache(), workspace.attempts()}) {
    EXPECT_EQ(mode_of(folder), 0700u) << folder;
  }
  EXPECT_EQ(read_file(root_ / ".gitignore"), "*\n");
  EXPECT_EQ(open_workspace(root_ / "").root, root_) << "again, and written otherwise";
}

TEST_F(WorkspaceTest, IsCompletedWhenItsMakerDiedHalfWay) {
  fs::create_directories(root_ / "store");
  EXPECT_TRUE(fs::exists(open_workspace(root_).attempts()));
}

TEST_F(WorkspaceTest, MayLieBehindASymbolicLink) {
  fs::create_directory(dir_.path() / "large-disk");
  fs::create_directory_symlink("large-disk", root_);
  EXPECT_EQ(open_workspace(root_).root, dir_.path() / "large-disk");
}

TEST_F(WorkspaceTest, RefusesWhatIsNoPlaceForOne) {
  write_file(root_, "a file");
  EXPECT_EQ(error_of([&] { open_workspace(root_); }).code, ErrorCode::invalid_input);
  fs::remove(root_);
  fs::create_symlink("nowhere", root_);
  EXPECT_EQ(error_of([&] { open_workspace(root_); }).code, ErrorCode::not_found);
  fs::remove(root_);
  write_file(root_ / "thesis.tex", "x");
  const auto error = error_of([&] { open_workspace(root_); });
  EXPECT_EQ(error.code, ErrorCode::invalid_input);
  EXPECT_FALSE(error.hint.empty());
  EXPECT_FALSE(fs::exists(root_ / ".gitignore"));
}

TEST_F(WorkspaceTest, IsNotMadeByThoseWhoOnlyLook) {
  EXPECT_EQ(error_of([&] { existing_workspace(root_); }).code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(root_));
  open_workspace(root_);
  EXPECT_EQ(existing_workspace(root_).root, root_);
}

class LockTest : public ::testing::Test {
 protected:
  // A child that holds the lock until it is killed.
  pid_t holder() {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto lock = WorkspaceLock::acquire(workspace_);
      [[maybe_unused]] const auto sent = ::write(ready[1], "x", 1);
      ::pause();
      ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    return child;
  }

  TempDir dir_;
  Workspace workspace_ = open_workspace(dir_.path() / "w");
};

TEST_F(LockTest, IsHeldUntilItsObjectGoes) {
  auto lock = WorkspaceLock::acquire(workspace_);
  EXPECT_EQ(error_of([&] { WorkspaceLock::acquire(workspace_); }).code, ErrorCode::locked);
  EXPECT_EQ(lock_holder(workspace_)->pid, ::getpid());
  lock.reset();
  EXPECT_FALSE(lock_holder(workspace_));
  EXPECT_NE(WorkspaceLock::acquire(workspace_), nullptr);
}

TEST_F(LockTest, NamesTheProcessThatHoldsItAndIsFreeWhenThatIsKilled) {
  const pid_t child = holder();
  const auto error = error_of([&] { WorkspaceLock::acquire(workspace_); });
  EXPECT_EQ(error.code, ErrorCode::locked);
  EXPECT_NE(error.message.find("process " + std::to_string(child) + " since "), std::string::npos)
      << error.message;
  EXPECT_NE(error.message.find("ledger_test"), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("kill " + std::to_string(child)), std::string::npos) << error.hint;
  EXPECT_EQ(lock_holder(workspace_)->pid, child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(lock_holder(workspace_));
  EXPECT_NE(WorkspaceLock::acquire(workspace_), nullptr);
}

TEST_F(LockTest, IsHeldByOneOfManyWhoTryAtOnce) {
  int results[2];
  ASSERT_EQ(::pipe(results), 0);
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  int stay[2];
  ASSERT_EQ(::pipe(stay), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    ::close(go[1]);
    ::close(stay[1]);
    char byte = 0;
    [[maybe_unused]] auto n = ::read(go[0], &byte, 1);
    std::unique_ptr<WorkspaceLock> lock;
    try {
      lock = WorkspaceLock::acquire(workspace_);
    } catch (const base::Error&) {
    }
    n = ::write(results[1], lock ? "1" : "0", 1);
    n = ::read(stay[0], &byte, 1);  // until all have tried
    ::_exit(0);
  }
  ::close(go[1]);
  int held = 0;
  for (int i = 0; i < 8; ++i) {
    char byte = 0;
    ASSERT_EQ(::read(results[0], &byte, 1), 1);
    held += byte == '1' ? 1 : 0;
  }
  ::close(stay[1]);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  for (const int fd : {results[0], results[1], go[0], stay[0]}) ::close(fd);
  EXPECT_EQ(held, 1);
}

// Where flock does not work, the name in the file decides: another start time or boot is another process.
TEST_F(LockTest, TellsALiveHolderFromAnotherProcessOfTheSameNumber) {
  const pid_t child = holder();
  const Json named = Json::parse(read_file(workspace_.lock()));
  const fs::path copy = dir_.path() / "v";
  const Workspace other = open_workspace(copy);
  const auto write = [&](Json json, const char* key, const Json& value) {
    json[key] = value;
    write_file(other.lock(), json.dump());
  };
  write(named, "command", "presswork run");
  EXPECT_EQ(error_of([&] { WorkspaceLock::acquire(other); }).code, ErrorCode::locked);
  write(named, "start_time", named["start_time"].get<std::int64_t>() + 1);
  EXPECT_FALSE(lock_holder(other));
  write(named, "boot_id", "another");
  EXPECT_FALSE(lock_holder(other));
  EXPECT_NE(WorkspaceLock::acquire(other), nullptr);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(LockTest, TakesOverAFileThatSaysNothingSensible) {
  for (const char* text : {"", "{", "[1]", R"({"pid":"x"})", R"({"pid":1e300,"start_time":null})"}) {
    write_file(workspace_.lock(), text);
    EXPECT_NE(WorkspaceLock::acquire(workspace_), nullptr) << text;
  }
}

TEST_F(LockTest, DoesNotFollowASymbolicLink) {
  fs::create_symlink(dir_.path() / "elsewhere", workspace_.lock());
  EXPECT_THROW(WorkspaceLock::acquire(workspace_), base::Error);
  EXPECT_FALSE(fs::exists(dir_.path() / "elsewhere"));
}

}  // namespace
}  // namespace presswork::store
