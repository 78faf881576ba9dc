#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using testing::error_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class Tree : public ::testing::Test {
 protected:
  Tree() {
    write_file(dir_.path() / "out/a", "first");
    write_file(dir_.path() / "out/sub/b", "second");
    digest_ = store_.publish(dir_.path() / "out").digest;
  }

  TempDir dir_;
  ArtifactStore store_{base::real_file_system(), dir_.path() / "store"};
  std::string digest_;
};

TEST_F(Tree, IsMadeOfTheObjectsThemselves) {
  EXPECT_EQ(fs::hard_link_count(store_.locate(digest_) / "a"), 2u);
}

TEST_F(Tree, StaysWhereItIsWhileItIsSound) {
  const fs::path tree = store_.locate(digest_);
  const auto before = base::real_file_system().status(tree)->inode;
  EXPECT_EQ(store_.locate(digest_), tree);
  EXPECT_EQ(base::real_file_system().status(tree)->inode, before);
}

TEST_F(Tree, IsMadeAnewWhenSomethingIsMissingAddedReplacedOrCutOff) {
  const fs::path tree = store_.locate(digest_);
  const std::vector<std::function<void()>> damages = {
      [&] { fs::remove_all(tree); },
      [&] { fs::remove(tree / "sub/b"); },
      [&] { write_file(tree / "__pycache__/x.pyc", "added"); },
      [&] {
        fs::remove(tree / "a");
        write_file(tree / "a", "fir");
      },
      [&] {
        fs::remove(tree / "a");
        fs::create_symlink("/etc/passwd", tree / "a");
      },
      [&] {
        fs::remove_all(tree);
        write_file(tree, "a file in the tree's place");
      },
  };
  for (const auto& damage : damages) {
    damage();
    EXPECT_EQ(store_.locate(digest_), tree);
    EXPECT_EQ(read_file(tree / "a"), "first");
    EXPECT_EQ(read_file(tree / "sub/b"), "second");
    EXPECT_FALSE(fs::exists(tree / "__pycache__"));
  }
}

TEST_F(Tree, IsRefusedWithTheNameOfTheFileWhenAnObjectIsGone) {
  store_.locate(digest_);
  const std::string name = store_.manifest(digest_).files[1].sha256;
  fs::remove(dir_.path() / "store/objects" / name.substr(0, 2) / name.substr(2));
  const auto error = error_of([&] { store_.locate(digest_); });
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_NE(error.message.find("sub/b"), std::string::npos) << error.message;
}

TEST_F(Tree, IsRefusedWhenItsManifestWasChanged) {
  const fs::path file =
      dir_.path() / "store/manifests" / digest_.substr(0, 2) / (digest_.substr(2) + ".json");
  std::string text = read_file(file);
  text.replace(text.find("sub/b"), 5, "../xy");
  write_file(file, text);
  EXPECT_EQ(error_of([&] { store_.locate(digest_); }).code, ErrorCode::corrupt);
}

TEST_F(Tree, ExportsACopyThatCanBeEdited) {
  const fs::path copy = dir_.path() / "new/place/copy";
  std::uint64_t heard = 0;
  store_.export_to(digest_, copy, [&](std::uint64_t bytes) { heard += bytes; });
  EXPECT_EQ(heard, 11u);
  EXPECT_EQ(fs::hard_link_count(copy / "a"), 1u);
  EXPECT_EQ(testing::mode_of(copy / "sub/b"), 0644u);
  write_file(copy / "a", "edited");
  EXPECT_TRUE(store_.verify(digest_, true).empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(copy.parent_path()), fs::directory_iterator()), 1);
}

TEST_F(Tree, ExportsASingleFileAsAFile) {
  write_file(dir_.path() / "report.md", "# R");
  store_.export_to(store_.publish(dir_.path() / "report.md").digest, dir_.path() / "mine.md");
  EXPECT_EQ(read_file(dir_.path() / "mine.md"), "# R");
}

TEST_F(Tree, DoesNotExportOverSomething) {
  write_file(dir_.path() / "there", "x");
  EXPECT_EQ(error_of([&] { store_.export_to(digest_, dir_.path() / "there"); }).code,
            ErrorCode::invalid_input);
  EXPECT_EQ(read_file(dir_.path() / "there"), "x");
}

TEST_F(Tree, LeavesNothingOfAnExportThatWasStopped) {
  EXPECT_THROW(store_.export_to(digest_, dir_.path() / "exports/x",
                                [](std::uint64_t) { throw std::runtime_error("stop"); }),
               std::runtime_error);
  EXPECT_TRUE(fs::is_empty(dir_.path() / "exports"));
}

}  // namespace
}  // namespace presswork::store
