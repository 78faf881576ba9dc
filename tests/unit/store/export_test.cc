#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::FaultyFileSystem;
using testing::MapMemo;
using testing::mode_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class ExportTest : public ::testing::Test {
 protected:
  std::string publish() {
    write_file(dir_.path() / "out/a", "some contents");
    write_file(dir_.path() / "out/sub/b", "other");
    return store_.publish(dir_.path() / "out").digest;
  }
  fs::path object(const std::string& digest, std::size_t i) const {
    const std::string name = store_.manifest(digest).files[i].sha256;
    return dir_.path() / "store/objects" / name.substr(0, 2) / name.substr(2);
  }

  TempDir dir_;
  FaultyFileSystem file_system_;
  ArtifactStore store_{file_system_, dir_.path() / "store"};
  fs::path there_ = dir_.path() / "exported";
};

TEST_F(ExportTest, ACopyCanBeEditedWithoutHarmToTheStore) {
  const std::string digest = publish();
  store_.export_to(digest, there_);
  EXPECT_EQ(mode_of(there_ / "a"), 0644u);
  write_file(there_ / "a", "edited");
  EXPECT_TRUE(store_.verify(digest, true).empty());
}

TEST_F(ExportTest, AHardLinkIsTheStoresOwnFileAndReadOnly) {
  const std::string digest = publish();
  store_.export_to(digest, there_, {}, Export::hard_link);
  EXPECT_EQ(read_file(there_ / "sub/b"), "other");
  EXPECT_TRUE(fs::equivalent(there_ / "a", object(digest, 0)));
  EXPECT_EQ(mode_of(there_ / "a"), 0444u);
}

TEST_F(ExportTest, NeverReplacesWhatIsThere) {
  const std::string digest = publish();
  write_file(there_, "mine");
  EXPECT_EQ(error_of([&] { store_.export_to(digest, there_); }).code, ErrorCode::invalid_input);
  EXPECT_EQ(read_file(there_), "mine");
}

TEST_F(ExportTest, RefusesToHandOutADamagedFile) {
  const std::string digest = publish();
  const fs::path file = object(digest, 1);
  fs::permissions(file, fs::perms(0644));
  write_file(file, "Other");  // of the same size
  for (const Export how : {Export::copy, Export::hard_link}) {
    const auto error = error_of([&] { store_.export_to(digest, there_, {}, how); });
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_NE(error.message.find("sub/b"), std::string::npos) << error.message;
    EXPECT_FALSE(fs::exists(there_));
  }
}

TEST_F(ExportTest, SaysWhenHardLinksAreNotPossible) {
  const std::string digest = publish();
  store_.locate(digest);
  file_system_.no_links = true;
  EXPECT_NE(
      error_of([&] { store_.export_to(digest, there_, {}, Export::hard_link); }).hint.find("--hard-link"),
      std::string::npos);
  file_system_.no_links = false;
  MapMemo memo;
  write_file(dir_.path() / "outside/model", "mine");
  const Artifact outside = store_.reference(dir_.path() / "outside", memo, false);
  const auto error = error_of([&] { store_.export_to(outside.digest, there_, {}, Export::hard_link); });
  EXPECT_NE(error.message.find("outside the store"), std::string::npos) << error.message;
  store_.export_to(outside.digest, there_);
  EXPECT_EQ(read_file(there_ / "model"), "mine");
}

// A full disk, a failing one: the destination appears whole or not at all, and nothing is left beside it.
TEST_F(ExportTest, AppearsWholeOrNotAtAllWhereverItFails) {
  const std::string digest = publish();
  for (const int reason : {ENOSPC, EIO}) {
    for (int n = 1;; ++n) {
      file_system_.fail_at(n, reason, false);
      try {
        store_.export_to(digest, there_);
      } catch (const base::Error&) {
      }
      const bool fired = file_system_.fired;
      file_system_.work();
      if (fs::exists(there_)) {
        EXPECT_EQ(read_file(there_ / "a"), "some contents");
        EXPECT_EQ(read_file(there_ / "sub/b"), "other");
      }
      fs::remove_all(there_);
      if (!fired) break;
    }
  }
  EXPECT_TRUE(store_.verify(digest, true).empty());
}

}  // namespace
}  // namespace presswork::store
