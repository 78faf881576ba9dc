// What leaves the store, and what must not.
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::FaultyFileSystem;
using testing::MapMemo;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class GarbageTest : public ::testing::Test {
 protected:
  // A model of one big shard that it shares with others, and a small one of its own.
  std::string publish(const std::string& own) {
    write_file(dir_.path() / "out/shard-1", shared_);
    write_file(dir_.path() / "out/shard-2", own);
    return store_.publish(dir_.path() / "out").digest;
  }
  std::size_t objects() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path() / "store/objects")) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  TempDir dir_{testing::in_memory()};
  FaultyFileSystem file_system_;
  ArtifactStore store_{file_system_, dir_.path() / "store"};
  std::string shared_ = std::string(100'000, 's');
};

TEST_F(GarbageTest, CheckpointsThatShareAShardKeepItOnce) {
  const std::string first = publish("first");
  const std::string second = publish("second");
  ASSERT_NE(first, second);
  EXPECT_EQ(objects(), 3u);
  store_.locate(first);
  store_.locate(second);
  EXPECT_EQ(fs::hard_link_count(store_.locate(second) / "shard-1"), 3u)
      << "one file, in the store and two trees";
}

TEST_F(GarbageTest, IsWhatNoKeptArtifactHas) {
  const std::string first = publish("first");
  const std::string second = publish("second");
  store_.locate(first);
  const Garbage planned = store_.collect({second}, true);
  EXPECT_EQ(std::tie(planned.artifacts, planned.objects),
            std::make_tuple(std::uint64_t{1}, std::uint64_t{1}));
  EXPECT_EQ(planned.bytes, 5u);
  EXPECT_TRUE(store_.contains(first)) << "a dry run removes nothing";

  const Garbage garbage = store_.collect({second}, false);
  EXPECT_EQ(garbage.artifacts, 1u);
  EXPECT_EQ(garbage.bytes, 5u);
  EXPECT_FALSE(store_.contains(first));
  EXPECT_FALSE(fs::exists(dir_.path() / "store/trees" / first));
  EXPECT_TRUE(store_.verify(second, true).empty());
  EXPECT_EQ(read_file(store_.locate(second) / "shard-1"), shared_);
  EXPECT_EQ(objects(), 2u);
}

TEST_F(GarbageTest, IncludesReferencesButNeverWhatTheyLeadTo) {
  MapMemo memo;
  write_file(dir_.path() / "outside/model", "mine");
  const Artifact outside = store_.reference(dir_.path() / "outside", memo, false);
  store_.collect({}, false);
  EXPECT_FALSE(store_.contains(outside.digest));
  EXPECT_EQ(read_file(dir_.path() / "outside/model"), "mine");
}

TEST_F(GarbageTest, DoesNotCountWhatAnExportKeepsOnTheDisk) {
  const std::string first = publish("first");
  store_.export_to(first, dir_.path() / "kept", {}, Export::hard_link);
  EXPECT_EQ(store_.collect({}, false).bytes, 0u);
  EXPECT_EQ(read_file(dir_.path() / "kept/shard-2"), "first");
}

TEST_F(GarbageTest, CanBePublishedAnewAtOnce) {
  const std::string first = publish("first");
  store_.collect({}, false);
  EXPECT_EQ(objects(), 0u);
  EXPECT_EQ(publish("first"), first);
  EXPECT_TRUE(store_.verify(first, true).empty());
  EXPECT_EQ(read_file(store_.locate(first) / "shard-2"), "first");
}

TEST_F(GarbageTest, IsNotCollectedWhenItCannotBeKnownWhatAKeptArtifactHas) {
  const std::string first = publish("first");
  publish("second");
  const fs::path manifest =
      dir_.path() / "store/manifests" / first.substr(0, 2) / (first.substr(2) + ".json");
  fs::resize_file(manifest, fs::file_size(manifest) - 1);
  EXPECT_EQ(error_of([&] { store_.collect({first}, false); }).code, ErrorCode::corrupt);
  EXPECT_EQ(objects(), 3u);
}

// Cut off at every call: what is kept is whole, and the next collection removes the rest.
TEST_F(GarbageTest, MayBeCutOffAnywhere) {
  for (int n = 1;; ++n) {
    const std::string kept = publish("kept");
    store_.locate(kept);
    store_.locate(publish("gone " + std::to_string(n)));
    file_system_.fail_at(n, EIO, true);
    try {
      store_.collect({kept}, false);
    } catch (const base::Error&) {
    }
    const bool fired = file_system_.fired;
    file_system_.work();
    ArtifactStore again(file_system_, dir_.path() / "store");
    ASSERT_TRUE(again.verify(kept, true).empty()) << n;
    again.collect({kept}, false);
    again.sweep();
    EXPECT_EQ(objects(), 2u) << n;
    EXPECT_EQ(again.artifacts(), std::vector<std::string>{kept});
    std::size_t trees = 0;
    for ([[maybe_unused]] const auto& tree : fs::directory_iterator(dir_.path() / "store/trees")) ++trees;
    EXPECT_EQ(trees, 1u) << n;
    if (!fired) break;
  }
}

}  // namespace
}  // namespace presswork::store
