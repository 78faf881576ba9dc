#include <fcntl.h>

#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::FaultyFileSystem;
using testing::mode_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class Publish : public ::testing::Test {
 protected:
  std::size_t count(const char* kind) const {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path() / "store" / kind)) {
      files += entry.is_regular_file() ? 1 : 0;
    }
    return files;
  }

  TempDir dir_;
  FaultyFileSystem file_system_;
  ArtifactStore store_{file_system_, dir_.path() / "store"};
  fs::path out_ = dir_.path() / "out";
};

TEST_F(Publish, TakesAFolderOverAndShowsItAgain) {
  write_file(out_ / "config.json", "{}");
  write_file(out_ / "sub/deep/weights.bin", std::string(100'000, 'w'));
  const Artifact artifact = store_.publish(out_);
  EXPECT_EQ(artifact.bytes, 100'002u);
  EXPECT_EQ(artifact.files, 2u);
  EXPECT_TRUE(store_.contains(artifact.digest));
  EXPECT_FALSE(fs::exists(out_));
  const fs::path tree = store_.locate(artifact.digest);
  EXPECT_TRUE(tree.is_absolute());
  EXPECT_EQ(read_file(tree / "config.json"), "{}");
  EXPECT_EQ(read_file(tree / "sub/deep/weights.bin"), std::string(100'000, 'w'));
}

TEST_F(Publish, GivesASingleFileItsName) {
  write_file(out_, "text");
  const Artifact artifact = store_.publish(out_);
  EXPECT_FALSE(store_.manifest(artifact.digest).directory);
  const fs::path file = store_.locate(artifact.digest);
  EXPECT_EQ(file.filename(), "out");
  EXPECT_EQ(read_file(file), "text");
}

TEST_F(Publish, KeepsAnEmptyFolderAndAnEmptyFile) {
  fs::create_directories(out_ / "empty/below");
  const Artifact folder = store_.publish(out_);
  EXPECT_EQ(folder.files, 0u);
  EXPECT_TRUE(fs::is_empty(store_.locate(folder.digest)));
  write_file(out_, "");
  EXPECT_EQ(read_file(store_.locate(store_.publish(out_).digest)), "");
}

TEST_F(Publish, GivesEqualContentsTheSameDigestAndKeepsThemOnce) {
  write_file(out_ / "a", "same");
  write_file(out_ / "b", "same");
  const Artifact first = store_.publish(out_);
  write_file(out_ / "b", "same");
  write_file(out_ / "a", "same");
  EXPECT_EQ(store_.publish(out_).digest, first.digest);
  EXPECT_EQ(count("objects"), 1u);
  EXPECT_EQ(count("manifests"), 1u);
}

TEST_F(Publish, DependsOnNamesAndOnBeingAFolder) {
  write_file(out_ / "a", "x");
  const std::string folder = store_.publish(out_).digest;
  write_file(out_ / "b", "x");
  const std::string other_name = store_.publish(out_).digest;
  write_file(dir_.path() / "a", "x");
  const std::string file = store_.publish(dir_.path() / "a").digest;
  EXPECT_NE(folder, other_name);
  EXPECT_NE(folder, file);
}

TEST_F(Publish, MakesObjectsReadOnlyAndDropsTheExecutableBit) {
  write_file(out_ / "tool.sh", "#!/bin/sh\n");
  fs::permissions(out_ / "tool.sh", fs::perms::all);
  EXPECT_EQ(mode_of(store_.locate(store_.publish(out_).digest) / "tool.sh"), 0444u);
}

TEST_F(Publish, RefusesSymbolicLinks) {
  write_file(dir_.path() / "secret", "s");
  write_file(out_ / "a", "x");
  fs::create_symlink(dir_.path() / "secret", out_ / "link");
  const auto error = error_of([&] { store_.publish(out_); });
  EXPECT_EQ(error.code, ErrorCode::invalid_input);
  EXPECT_NE(error.message.find("link is a symbolic link"), std::string::npos) << error.message;
  EXPECT_EQ(count("manifests"), 0u);
  fs::create_directory_symlink(dir_.path(), dir_.path() / "all");
  EXPECT_EQ(error_of([&] { store_.publish(dir_.path() / "all"); }).code, ErrorCode::invalid_input);
}

TEST_F(Publish, RefusesPipesAndNamesThatAreNotUtf8AndNothing) {
  fs::create_directories(out_);
  ASSERT_EQ(::mkfifo((out_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { store_.publish(out_); }).code, ErrorCode::invalid_input);
  fs::remove(out_ / "pipe");
  write_file(out_ / "\xff\xfe", "x");
  EXPECT_EQ(error_of([&] { store_.publish(out_); }).code, ErrorCode::invalid_input);
  EXPECT_EQ(error_of([&] { store_.publish(dir_.path() / "none"); }).code, ErrorCode::not_found);
}

// A stage may have linked its input, or somebody's own file, into its output.
TEST_F(Publish, CopiesAFileThatHasAnotherNameAndLeavesThatOneAlone) {
  const fs::path own = dir_.path() / "own.txt";
  write_file(own, "mine");
  fs::permissions(own, fs::perms(0640));
  fs::create_directories(out_);
  fs::create_hard_link(own, out_ / "linked.txt");
  const Artifact artifact = store_.publish(out_);
  EXPECT_EQ(mode_of(own), 0640u);
  write_file(own, "edited");
  EXPECT_EQ(read_file(store_.locate(artifact.digest) / "linked.txt"), "mine");
  EXPECT_TRUE(store_.verify(artifact.digest, true).empty());
}

TEST_F(Publish, DoesNotCopyAFileThatIsAnObjectAlready) {
  write_file(out_ / "shard", "unchanged");
  const fs::path tree = store_.locate(store_.publish(out_).digest);
  fs::create_directories(out_);
  fs::create_hard_link(tree / "shard", out_ / "shard");
  write_file(out_ / "new", "n");
  const Artifact second = store_.publish(out_);
  EXPECT_EQ(count("objects"), 2u);
  EXPECT_TRUE(fs::equivalent(tree / "shard", store_.locate(second.digest) / "shard"));
}

TEST_F(Publish, ReplacesAnObjectThatLostItsEnd) {
  write_file(out_ / "a", "whole contents");
  const Artifact artifact = store_.publish(out_);
  const std::string name = store_.manifest(artifact.digest).files[0].sha256;
  const fs::path object = dir_.path() / "store/objects" / name.substr(0, 2) / name.substr(2);
  fs::permissions(object, fs::perms(0644));
  fs::resize_file(object, 3);
  EXPECT_EQ(error_of([&] { store_.locate(artifact.digest); }).code, ErrorCode::corrupt);
  write_file(out_ / "a", "whole contents");
  EXPECT_EQ(store_.publish(out_).digest, artifact.digest);
  EXPECT_EQ(read_file(store_.locate(artifact.digest) / "a"), "whole contents");
}

TEST_F(Publish, WorksWhereTheFileSystemHasNoHardLinks) {
  file_system_.no_links = true;
  write_file(out_ / "a", "x");
  const Artifact artifact = store_.publish(out_);
  const fs::path tree = store_.locate(artifact.digest);
  EXPECT_EQ(read_file(tree / "a"), "x");
  EXPECT_EQ(mode_of(tree / "a"), 0444u);
  EXPECT_TRUE(store_.verify(artifact.digest, true).empty());
}

TEST_F(Publish, TakesSeveralAtOnceInOrder) {
  write_file(dir_.path() / "one", "1");
  write_file(dir_.path() / "two/b", "2");
  const auto both = store_.publish(std::vector{dir_.path() / "one", dir_.path() / "two"});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(read_file(store_.locate(both[0].digest)), "1");
  EXPECT_EQ(read_file(store_.locate(both[1].digest) / "b"), "2");
  EXPECT_TRUE(store_.publish(std::vector<fs::path>{}).empty());
}

// Object, its folder, manifest, its folder; the folders themselves only when they are new.
TEST_F(Publish, SyncsASmallArtifactFourTimesAndOneThatIsThereNotAtAll) {
  for (int i = 0; i < 256; ++i) {
    char name[4];
    std::snprintf(name, sizeof name, "%02x", static_cast<unsigned>(i) & 255u);
    for (const char* kind : {"objects", "manifests"})
      fs::create_directory(dir_.path() / "store" / kind / name);
  }
  write_file(out_, "first");
  store_.publish(out_);
  write_file(out_, "small");
  file_system_.syncs = 0;
  store_.publish(out_);
  EXPECT_EQ(file_system_.syncs, 4);
  write_file(out_, "small");
  store_.publish(out_);
  EXPECT_EQ(file_system_.syncs, 4);
}

TEST_F(Publish, HashesManyLargeFilesWithThreadsAndHearsEveryByte) {
  for (int i = 0; i < 10; ++i) {
    write_file(out_ / std::to_string(i), std::string(3'000'000, static_cast<char>('a' + i)));
  }
  std::uint64_t heard = 0;
  const Artifact artifact = store_.publish(out_, [&](std::uint64_t bytes) { heard += bytes; });
  EXPECT_EQ(heard, 30'000'000u);
  EXPECT_TRUE(store_.verify(artifact.digest, true).empty());
}

TEST_F(Publish, StopsWhenProgressThrowsAndCanBeRepeated) {
  for (int i = 0; i < 10; ++i) {
    write_file(out_ / std::to_string(i), std::string(3'000'000, static_cast<char>('a' + i)));
  }
  EXPECT_THROW(store_.publish(out_, [](std::uint64_t) { throw std::runtime_error("stop"); }),
               std::runtime_error);
  EXPECT_EQ(count("manifests"), 0u);
  EXPECT_EQ(store_.publish(out_).files, 10u);
}

TEST_F(Publish, RefusesDigestsThatAreNone) {
  EXPECT_EQ(error_of([&] { store_.locate("../../../../etc/passwd"); }).code, ErrorCode::not_found);
  EXPECT_EQ(error_of([&] { store_.locate(std::string(64, '0')); }).code, ErrorCode::not_found);
  EXPECT_EQ(error_of([&] { store_.contains(""); }).code, ErrorCode::not_found);
}

TEST_F(Publish, RefusesAStoreOfAnotherVersion) {
  write_file(dir_.path() / "store/version", "7\n");
  const auto error = error_of([&] { ArtifactStore(file_system_, dir_.path() / "store"); });
  EXPECT_EQ(error.code, ErrorCode::incompatible);
  EXPECT_NE(error.message.find("version 7"), std::string::npos);
}

TEST_F(Publish, SweepsWhatDeadProcessesLeftAndNothingOfTheLiving) {
  write_file(out_, "x");
  store_.locate(store_.publish(out_).digest);
  const fs::path tmp = dir_.path() / "store/tmp";
  write_file(tmp / "Abandoned/1", "left");
  ArtifactStore other(file_system_, dir_.path() / "store");
  other.sweep();
  EXPECT_FALSE(fs::exists(tmp / "Abandoned"));
  EXPECT_EQ(std::distance(fs::directory_iterator(tmp), fs::directory_iterator()), 1) << "store_'s own folder";
}

}  // namespace
}  // namespace presswork::store
