#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::make_old;
using testing::MapMemo;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class Reference : public ::testing::Test {
 protected:
  Reference() { make_model(model_); }

  void make_model(const fs::path& folder) {
    write_file(folder / "config.json", "{}");
    write_file(folder / "sub/weights", "wwww");
    make_old(folder / "config.json");
    make_old(folder / "sub/weights");
  }

  TempDir dir_;
  ArtifactStore store_{base::real_file_system(), dir_.path() / "store"};
  MapMemo memo_;
  fs::path model_ = dir_.path() / "model";
};

TEST_F(Reference, LeavesTheFilesWhereTheyAre) {
  const Artifact artifact = store_.reference(model_, memo_, false);
  EXPECT_EQ(artifact.bytes, 6u);
  EXPECT_EQ(store_.locate(artifact.digest), model_);
  EXPECT_TRUE(store_.contains(artifact.digest));
  EXPECT_TRUE(store_.verify(artifact.digest, true).empty());
  EXPECT_FALSE(fs::exists(dir_.path() / "store/trees" / artifact.digest));
}

TEST_F(Reference, HasTheDigestThatPublishingGives) {
  const std::string digest = store_.reference(model_, memo_, false).digest;
  EXPECT_EQ(store_.digest_of(model_, memo_, true), digest);
  EXPECT_EQ(store_.publish(model_).digest, digest);
  EXPECT_NE(store_.locate(digest), model_) << "the store's own copy is preferred";
}

TEST_F(Reference, TakesDigestsFromTheMemoUnlessToldToRehash) {
  std::uint64_t hashed = 0;
  const auto count = [&](std::uint64_t bytes) { hashed += bytes; };
  store_.reference(model_, memo_, false, count);
  EXPECT_EQ(hashed, 6u);
  store_.reference(model_, memo_, false, count);
  store_.digest_of(model_, memo_, false, count);
  EXPECT_EQ(hashed, 6u);
  EXPECT_EQ(memo_.hits, 4);
  store_.reference(model_, memo_, true, count);
  EXPECT_EQ(hashed, 12u);
}

TEST_F(Reference, DoesNotTrustTheTimeStampOfAFileThatChangedJustNow) {
  write_file(model_ / "config.json", "{1}");
  store_.reference(model_, memo_, false);
  EXPECT_EQ(memo_.known.size(), 1u) << "only sub/weights is old enough";
}

TEST_F(Reference, SaysWhatChangedSince) {
  const std::string digest = store_.reference(model_, memo_, false).digest;
  const auto problem = [&] {
    const auto error = error_of([&] { store_.locate(digest); });
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    return error.message;
  };
  write_file(model_ / "config.json", "{12}");
  EXPECT_NE(problem().find("config.json changed since its digest was taken: its size is 4"),
            std::string::npos);
  write_file(model_ / "config.json", "[]");
  EXPECT_NE(problem().find("config.json changed"), std::string::npos);
  fs::remove(model_ / "config.json");
  EXPECT_NE(problem().find("config.json is gone"), std::string::npos);
  make_model(model_);
  write_file(model_ / "added", "x");
  EXPECT_NE(problem().find("added was added"), std::string::npos);
  fs::remove_all(model_);
  EXPECT_NE(problem().find("there is nothing at"), std::string::npos);
}

TEST_F(Reference, FallsBackToAnyPlaceThatStillMatches) {
  const fs::path other = dir_.path() / "other";
  make_model(other);
  const std::string digest = store_.reference(model_, memo_, false).digest;
  EXPECT_EQ(store_.reference(other, memo_, false).digest, digest);
  EXPECT_EQ(store_.locate(digest), other) << "the latest place first";
  fs::remove(other / "config.json");
  EXPECT_EQ(store_.locate(digest), model_);
  EXPECT_TRUE(store_.verify(digest, true).empty());
  store_.reference(model_, memo_, false);
  EXPECT_EQ(store_.locate(digest), model_);
}

// A Hugging Face cache: snapshots/REV/file -> ../../blobs/HASH, beside folders like .git and .cache.
TEST_F(Reference, FollowsLinksToFilesAndLeavesOutWhatIsHidden) {
  const std::string digest = store_.digest_of(model_, memo_, false);
  const fs::path snapshot = dir_.path() / "hub/snapshots/rev";
  write_file(dir_.path() / "hub/blobs/1", "{}");
  write_file(dir_.path() / "hub/blobs/2", "wwww");
  fs::create_directories(snapshot / "sub");
  fs::create_symlink("../../blobs/1", snapshot / "config.json");
  fs::create_symlink("../../../blobs/2", snapshot / "sub/weights");
  write_file(snapshot / ".git/HEAD", "x");
  write_file(snapshot / ".gitattributes", "x");
  EXPECT_EQ(store_.reference(snapshot, memo_, false).digest, digest);
  const fs::path place = store_.locate(digest);
  EXPECT_EQ(place, snapshot);
  store_.export_to(digest, dir_.path() / "copy");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(dir_.path() / "copy/sub/weights")));
}

TEST_F(Reference, NamesASingleFileByItsLinkAndNotByWhereThatLeads) {
  write_file(dir_.path() / "blobs/77", "text");
  fs::create_symlink("blobs/77", dir_.path() / "heldout.txt");
  const Artifact artifact = store_.reference(dir_.path() / "heldout.txt", memo_, false);
  EXPECT_EQ(store_.manifest(artifact.digest).files[0].path, "heldout.txt");
  EXPECT_FALSE(store_.manifest(artifact.digest).directory);
  EXPECT_EQ(store_.locate(artifact.digest), dir_.path() / "heldout.txt");
}

TEST_F(Reference, RefusesLinksToFoldersAndToNothing) {
  fs::create_directory_symlink(dir_.path(), model_ / "loop");
  EXPECT_EQ(error_of([&] { store_.reference(model_, memo_, false); }).code, ErrorCode::invalid_input);
  fs::remove(model_ / "loop");
  fs::create_symlink("nowhere", model_ / "dangling");
  const auto error = error_of([&] { store_.reference(model_, memo_, false); });
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_NE(error.message.find("dangling leads nowhere"), std::string::npos) << error.message;
  EXPECT_EQ(error_of([&] { store_.reference(dir_.path() / "none", memo_, false); }).code,
            ErrorCode::not_found);
}

TEST_F(Reference, IsTheSamePlaceHoweverItIsWritten) {
  fs::create_directory_symlink(model_, dir_.path() / "current");
  const std::string digest = store_.reference(dir_.path() / "current/", memo_, false).digest;
  EXPECT_EQ(store_.locate(digest), model_);
}

TEST_F(Reference, TreatsADamagedRecordAsNone) {
  const std::string digest = store_.reference(model_, memo_, false).digest;
  const fs::path record =
      dir_.path() / "store/references" / digest.substr(0, 2) / (digest.substr(2) + ".json");
  for (const char* text : {"", "{", "[]", R"({"places":7})", R"({"places":[{"root":1}]})"}) {
    write_file(record, text);
    EXPECT_EQ(error_of([&] { store_.locate(digest); }).code, ErrorCode::corrupt) << text;
    store_.reference(model_, memo_, false);
    EXPECT_EQ(store_.locate(digest), model_);
  }
}

TEST_F(Reference, StopsWhenProgressThrows) {
  EXPECT_THROW(
      store_.reference(model_, memo_, false, [](std::uint64_t) { throw std::runtime_error("stop"); }),
      std::runtime_error);
}

}  // namespace
}  // namespace presswork::store
