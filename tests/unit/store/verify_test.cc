#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using testing::MapMemo;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class Verify : public ::testing::Test {
 protected:
  std::string publish(const std::string& other = "other") {
    write_file(dir_.path() / "out/a", "some contents");
    write_file(dir_.path() / "out/b", other);
    return store_.publish(dir_.path() / "out").digest;
  }
  fs::path object(const std::string& digest, std::size_t i) const {
    const std::string name = store_.manifest(digest).files[i].sha256;
    return dir_.path() / "store/objects" / name.substr(0, 2) / name.substr(2);
  }
  static void flip_bit(const fs::path& file) {
    fs::permissions(file, fs::perms(0644));
    std::string text = read_file(file);
    text[3] = static_cast<char>(text[3] ^ 0x10);
    write_file(file, text);
  }

  TempDir dir_;
  ArtifactStore store_{base::real_file_system(), dir_.path() / "store"};
};

TEST_F(Verify, FindsASoundArtifactSound) {
  const std::string digest = publish();
  EXPECT_TRUE(store_.verify(digest, false).empty());
  EXPECT_TRUE(store_.verify(digest, true).empty());
}

TEST_F(Verify, FindsAFlippedBitByRehashing) {
  const std::string digest = publish();
  flip_bit(object(digest, 0));
  EXPECT_TRUE(store_.verify(digest, false).empty());
  const auto damage = store_.verify(digest, true);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].digest, store_.manifest(digest).files[0].sha256);
  EXPECT_NE(damage[0].problem.find("has other contents: sha256 "), std::string::npos);
}

TEST_F(Verify, BeforeUseHashesEachObjectOnceUntilItChanges) {
  const std::string digest = publish();
  std::uint64_t bytes = 0;
  const ByteProgress count = [&](std::uint64_t more) { bytes += more; };
  EXPECT_TRUE(store_.verify_before_use(digest, count).empty());
  EXPECT_EQ(bytes, 0u) << "it was hashed when it was published";

  ArtifactStore later(base::real_file_system(), dir_.path() / "store");
  EXPECT_TRUE(later.verify_before_use(digest, count).empty());
  EXPECT_TRUE(later.verify_before_use(digest, count).empty());
  EXPECT_EQ(bytes, 18u) << "once in a process";

  flip_bit(object(digest, 0));
  EXPECT_EQ(store_.verify_before_use(digest).size(), 1u);
  EXPECT_EQ(later.verify_before_use(digest).size(), 1u);
}

TEST_F(Verify, BeforeUseFindsABitThatRottedBehindItsTimeStamp) {
  const std::string digest = publish();
  const fs::path file = object(digest, 0);
  const auto stamp = fs::last_write_time(file);
  flip_bit(file);
  fs::last_write_time(file, stamp);
  ArtifactStore later(base::real_file_system(), dir_.path() / "store");
  EXPECT_EQ(later.verify_before_use(digest).size(), 1u);
}

TEST_F(Verify, BeforeUseOnlyLooksAtWhatLiesOutside) {
  MapMemo memo;
  write_file(dir_.path() / "weights", "abcdef");
  const std::string digest = store_.reference(dir_.path() / "weights", memo, false).digest;
  std::uint64_t bytes = 0;
  EXPECT_TRUE(store_.verify_before_use(digest, [&](std::uint64_t more) { bytes += more; }).empty());
  EXPECT_EQ(bytes, 0u);
  write_file(dir_.path() / "weights", "other weights");
  EXPECT_EQ(store_.verify_before_use(digest).size(), 1u);
  EXPECT_EQ(store_.verify_before_use(std::string(64, '0')).at(0).problem, "missing");
}

TEST_F(Verify, FindsWhatIsMissingAndWhatHasAnotherSize) {
  const std::string digest = publish();
  fs::remove(object(digest, 0));
  fs::permissions(object(digest, 1), fs::perms(0644));
  fs::resize_file(object(digest, 1), 2);
  const auto damage = store_.verify(digest, false);
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_EQ(damage[0].problem, "missing");
  EXPECT_EQ(damage[1].problem, "size 2, expected 5");
}

TEST_F(Verify, FindsADamagedManifestAndAnUnknownArtifact) {
  const std::string digest = publish();
  flip_bit(dir_.path() / "store/manifests" / digest.substr(0, 2) / (digest.substr(2) + ".json"));
  EXPECT_EQ(store_.verify(digest, false).size(), 1u);
  EXPECT_EQ(store_.verify(std::string(64, '0'), false).at(0).problem, "missing");
}

TEST_F(Verify, LooksAtATreesFileThatIsNotTheObject) {
  const std::string digest = publish();
  const fs::path file = store_.locate(digest) / "a";
  fs::remove(file);
  write_file(file, "SOME contents");
  EXPECT_EQ(store_.verify(digest, true).size(), 1u);
}

TEST_F(Verify, FindsAReferencedFileWhoseBytesChangedBehindItsTimeStamp) {
  MapMemo memo;
  const fs::path file = dir_.path() / "weights";
  write_file(file, "abcdef");
  testing::make_old(file);
  const auto stamp = fs::last_write_time(file);
  const std::string digest = store_.reference(file, memo, false).digest;
  EXPECT_TRUE(store_.verify(digest, true).empty());
  flip_bit(file);
  fs::last_write_time(file, stamp);
  EXPECT_TRUE(store_.verify(digest, false).empty());
  EXPECT_EQ(store_.verify(digest, true).size(), 1u);
}

TEST_F(Verify, DiscardsADamagedArtifactSoThatItCanBePublishedAnew) {
  const std::string digest = publish();
  store_.locate(digest);
  flip_bit(object(digest, 0));
  store_.discard(digest);
  EXPECT_FALSE(store_.contains(digest));
  EXPECT_EQ(publish(), digest);
  EXPECT_TRUE(store_.verify(digest, true).empty());
  EXPECT_EQ(read_file(store_.locate(digest) / "a"), "some contents");
}

TEST_F(Verify, DiscardsOnlyObjectsThatAreDamaged) {
  const std::string digest = publish();
  const std::string sibling = publish("third");
  flip_bit(object(digest, 1));  // "other", which the sibling has not
  store_.discard(digest);
  EXPECT_TRUE(store_.verify(sibling, true).empty());
}

}  // namespace
}  // namespace presswork::store
