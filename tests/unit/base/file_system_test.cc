#include "orchestrator/base/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestrator/base/error.h"

namespace presswork::base {
namespace {

class RealFiles : public ::testing::Test {
 protected:
  RealFiles() {
    std::string name = (fs::temp_directory_path() / "presswork-fs-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    dir_ = fs::canonical(name);
  }
  ~RealFiles() override { fs::remove_all(dir_); }

  fs::path dir_;
  FileSystem& files_ = real_file_system();
};

TEST_F(RealFiles, ReportWhatLiesAtAPathWithoutFollowingLinks) {
  files_.write(dir_ / "f", "12345");
  fs::create_symlink("f", dir_ / "link");
  EXPECT_FALSE(files_.status(dir_ / "none"));
  EXPECT_FALSE(files_.status(dir_ / "f/below"));
  EXPECT_EQ(files_.status(dir_)->kind, FileKind::directory);
  EXPECT_EQ(files_.status(dir_ / "f")->kind, FileKind::regular);
  EXPECT_EQ(files_.status(dir_ / "f")->size, 5u);
  EXPECT_EQ(files_.status(dir_ / "link")->kind, FileKind::symlink);
  EXPECT_EQ(files_.resolve(dir_ / "link"), dir_ / "f");
  EXPECT_THROW(files_.resolve(dir_ / "none"), Error);
}

TEST_F(RealFiles, AreLinkedOnceUnderAName) {
  files_.write(dir_ / "a", "x");
  EXPECT_EQ(files_.hard_link(dir_ / "a", dir_ / "b"), Linked::yes);
  EXPECT_EQ(files_.hard_link(dir_ / "a", dir_ / "b"), Linked::exists);
  EXPECT_EQ(files_.status(dir_ / "a")->links, 2u);
  EXPECT_THROW(files_.hard_link(dir_ / "none", dir_ / "c"), Error);
}

TEST_F(RealFiles, ExchangeTheirNames) {
  files_.write(dir_ / "a", "file");
  files_.create_directories(dir_ / "b/below");
  files_.exchange(dir_ / "a", dir_ / "b");
  EXPECT_EQ(files_.read(dir_ / "b"), "file");
  EXPECT_EQ(files_.list(dir_ / "a"), std::vector<std::string>{"below"});
}

TEST_F(RealFiles, AreCopiedWhole) {
  const std::string text(300'000, 'z');
  files_.write(dir_ / "a", text);
  files_.copy(dir_ / "a", dir_ / "b");
  EXPECT_EQ(files_.read(dir_ / "b"), text);
  files_.write(dir_ / "empty", "");
  files_.copy(dir_ / "empty", dir_ / "b");
  EXPECT_EQ(files_.read(dir_ / "b"), "");
}

TEST_F(RealFiles, AreWrittenDurablyAndLeaveNothingBeside) {
  files_.write_durably(dir_ / "a", "one");
  files_.write_durably(dir_ / "a", "two");
  EXPECT_EQ(files_.read(dir_ / "a"), "two");
  files_.create_directories(dir_ / "folder/x");
  EXPECT_THROW(files_.write_durably(dir_ / "folder", "over a folder"), Error);
  EXPECT_EQ(files_.list(dir_), (std::vector<std::string>{"a", "folder"}));
}

TEST_F(RealFiles, SayWhatCouldNotBeDone) {
  try {
    files_.read(dir_ / "none");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::not_found);
    EXPECT_EQ(error.message, "cannot open " + (dir_ / "none").native() + ": No such file or directory");
  }
  EXPECT_THROW(files_.list(dir_ / "none"), Error);
  EXPECT_THROW(files_.rename(dir_ / "none", dir_ / "b"), Error);
}

TEST_F(RealFiles, AreRemovedFromFoldersThatMayNotBeWrittenTo) {
  fs::create_directories(dir_ / "gone/inner/deep");
  fs::create_directories(dir_ / "kept");
  files_.write(dir_ / "gone/inner/deep/f", "x");
  files_.write(dir_ / "kept/f", "x");
  fs::create_directory_symlink(dir_ / "kept", dir_ / "gone/inner/link");
  fs::permissions(dir_ / "kept", fs::perms(0555));
  fs::permissions(dir_ / "gone/inner/deep", fs::perms(0000));
  fs::permissions(dir_ / "gone/inner", fs::perms(0555));
  const auto remove = [&] { files_.remove_all(dir_ / "gone"); };
  if (::geteuid() != 0) {
    remove();
  } else {  // root may write anywhere: another user tries
    for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
      ASSERT_EQ(::lchown(entry.path().c_str(), 65534, 65534), 0);
    }
    ASSERT_EQ(::chown(dir_.c_str(), 65534, 65534), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
      try {
        remove();
        ::_exit(0);
      } catch (const Error&) {
        ::_exit(8);
      }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_FALSE(fs::exists(dir_ / "gone"));
  EXPECT_EQ(fs::status(dir_ / "kept").permissions(), fs::perms(0555));  // only a link led there
  fs::permissions(dir_ / "kept", fs::perms(0755));
}

}  // namespace
}  // namespace presswork::base
