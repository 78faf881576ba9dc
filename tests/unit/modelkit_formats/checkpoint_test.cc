#include "plugins/modelkit/checkpoint/checkpoint.h"

#include <gmock/gmock.h>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using testing::safetensors;
using testing::write_file;

const std::string kOneTensor = R"({"NAME":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})";

class CheckpointFolder : public ::testing::Test {
 protected:
  CheckpointFolder() { write_file(path("config.json"), "{}"); }
  fs::path path(const std::string& name) const { return folder_.path() / name; }

  void shard(const fs::path& file, const std::string& tensor) {
    std::string header = kOneTensor;
    header.replace(header.find("NAME"), 4, tensor);
    write_file(file, safetensors(header, "1234"));
  }
  void index(const std::string& weight_map) {
    write_file(path("model.safetensors.index.json"),
               R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}");
  }
  std::optional<Error> failure() const {
    return testing::error_of([&] { Checkpoint::open(folder_.path()); });
  }
  std::string refusal() const {
    const auto error = failure();
    return error ? error->message : "";
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CheckpointFolder, ShardsAreReadAsOne) {
  shard(path("model-00001-of-00002.safetensors"), "a.weight");
  shard(path("model-00002-of-00002.safetensors"), "b.weight");
  index(R"({"b.weight":"model-00002-of-00002.safetensors","a.weight":"model-00001-of-00002.safetensors"})");
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  EXPECT_THAT(checkpoint.names(), ElementsAre("a.weight", "b.weight"));
  EXPECT_EQ(checkpoint.total_bytes(), 8u);
  EXPECT_EQ(checkpoint.tensor("b.weight").bytes.size(), 4u);
  EXPECT_EQ(checkpoint.find("c.weight"), nullptr);
  checkpoint.prefetch("a");
  checkpoint.release("a");
  EXPECT_EQ(checkpoint.tensor("a.weight").bytes[0], std::byte{'1'});  // released pages come back
}

TEST_F(CheckpointFolder, ShardNamesThatLeaveTheFolderAreRefused) {
  shard(folder_.path().parent_path() / "outside.safetensors", "a");
  for (const char* name : {"../outside.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ".", ""}) {
    index(R"({"a":")" + std::string(name) + "\"}");
    EXPECT_THAT(refusal(), HasSubstr("plain file name")) << name;
  }
  fs::remove(folder_.path().parent_path() / "outside.safetensors");
}

TEST_F(CheckpointFolder, ALinkOutOfTheFolderIsRefused) {
  const testing::TemporaryFolder elsewhere;
  shard(elsewhere.path() / "x.safetensors", "a");
  fs::create_symlink(elsewhere.path() / "x.safetensors", path("model.safetensors"));
  EXPECT_THAT(refusal(), HasSubstr("leads out of the model folder"));
}

TEST_F(CheckpointFolder, ALinkInsideTheFolderIsFollowed) {
  shard(path("data/x.safetensors"), "a");
  fs::create_symlink("data/x.safetensors", path("model.safetensors"));
  EXPECT_EQ(refusal(), "");
}

TEST_F(CheckpointFolder, ASnapshotOfTheHuggingFaceCacheIsFollowedToItsBlobs) {
  const fs::path cache = path("models--a--b");
  shard(cache / "blobs/0123", "a");
  write_file(cache / "blobs/4567", "{}");
  fs::create_directories(cache / "snapshots/rev");
  fs::create_symlink("../../blobs/0123", cache / "snapshots/rev/model.safetensors");
  fs::create_symlink("../../blobs/4567", cache / "snapshots/rev/config.json");
  EXPECT_EQ(Checkpoint::open(cache / "snapshots/rev").names().size(), 1u);
}

TEST_F(CheckpointFolder, APickleIsAnsweredWithTheWayToConvertIt) {
  write_file(path("pytorch_model.bin"), "PK");
  const auto error = failure();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "unsupported");
  EXPECT_THAT(error->hint, HasSubstr("save_pretrained"));
}

TEST_F(CheckpointFolder, AnythingThatIsNoModelIsNamed) {
  EXPECT_THAT(refusal(), HasSubstr("neither model.safetensors nor"));
  const auto error = testing::error_of([&] { Checkpoint::open(path("none")); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "invalid_input");
  fs::remove(path("config.json"));
  EXPECT_THAT(refusal(), HasSubstr("config.json"));
}

TEST_F(CheckpointFolder, AnIndexThatDoesNotFitItsShardsIsRefused) {
  shard(path("x.safetensors"), "a");
  shard(path("y.safetensors"), "a");
  index(R"({"a":"x.safetensors","b":"x.safetensors"})");
  EXPECT_THAT(refusal(), HasSubstr("does not hold it"));
  index(R"({"a":"x.safetensors","c":"y.safetensors"})");
  EXPECT_THAT(refusal(), HasSubstr("in two shards"));
  index(R"({"a":"z.safetensors"})");
  EXPECT_NE(refusal(), "");
  index(R"({"a":7})");
  EXPECT_NE(refusal(), "");
  index("{}");
  EXPECT_NE(refusal(), "");
  write_file(path("model.safetensors.index.json"), "[]");
  EXPECT_NE(refusal(), "");
}

}  // namespace
}  // namespace presswork::modelkit
