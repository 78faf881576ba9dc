#include "plugins/modelkit/checkpoint/checkpoint_writer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "plugins/modelkit/checkpoint/folder_files.h"
#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::ElementsAre;
namespace fs = std::filesystem;

class CheckpointWriting : public ::testing::Test {
 protected:
  CheckpointWriting() { testing::write_tiny_model(source()); }
  fs::path source() const { return folder_.path() / "source"; }
  fs::path target() const { return folder_.path() / "target"; }

  void copy_with_shards_of(std::uint64_t bytes) {
    const Checkpoint from = Checkpoint::open(source());
    std::vector<TensorPlan> plan;
    for (const auto& name : from.names())
      plan.push_back({name, from.tensor(name).dtype, from.tensor(name).shape});
    CheckpointWriter writer(target(), plan, bytes);
    for (const auto& name : from.names()) writer.write(name, from.tensor(name).bytes);
    writer.finish(from, from.config(), [&](const std::string& name) { skipped_.push_back(name); });
    written_bytes_ = writer.file_bytes();
  }

  testing::TemporaryFolder folder_;
  std::vector<std::string> skipped_;
  std::uint64_t written_bytes_ = 0;
};

void expect_equal_tensors(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.names().size(), b.names().size());
  for (const auto& name : a.names()) {
    const auto left = a.tensor(name).bytes, right = b.tensor(name).bytes;
    EXPECT_TRUE(std::equal(left.begin(), left.end(), right.begin(), right.end())) << name;
  }
}

TEST_F(CheckpointWriting, ASmallModelBecomesOneFile) {
  copy_with_shards_of(CheckpointWriter::kDefaultShardBytes);
  EXPECT_TRUE(fs::exists(target() / "model.safetensors"));
  EXPECT_FALSE(fs::exists(target() / "model.safetensors.index.json"));
  EXPECT_EQ(written_bytes_, fs::file_size(target() / "model.safetensors"));
  expect_equal_tensors(Checkpoint::open(source()), Checkpoint::open(target()));
}

TEST_F(CheckpointWriting, ALargeModelBecomesShardsWithAnIndex) {
  copy_with_shards_of(2048);
  const Checkpoint result = Checkpoint::open(target());
  EXPECT_GT(result.weight_files().size(), 3u);
  EXPECT_TRUE(fs::exists(target() / "model.safetensors.index.json"));
  EXPECT_EQ(written_bytes_, result.file_bytes());
  expect_equal_tensors(Checkpoint::open(source()), result);
}

TEST_F(CheckpointWriting, FilesBesideTheWeightsAreCarriedOverUntouched) {
  testing::write_file(source() / "tokenizer.json", "{ \"odd\" :1}\n");
  testing::write_file(source() / "docs/README.md", "hello");
  testing::write_file(source() / ".git/HEAD", "ref");
  testing::write_file(source() / "pytorch_model.bin", "old weights");
  copy_with_shards_of(CheckpointWriter::kDefaultShardBytes);
  EXPECT_EQ(testing::read_file(target() / "tokenizer.json"), "{ \"odd\" :1}\n");
  EXPECT_EQ(testing::read_file(target() / "docs/README.md"), "hello");
  EXPECT_FALSE(fs::exists(target() / ".git"));
  EXPECT_FALSE(fs::exists(target() / "pytorch_model.bin"));
  EXPECT_THAT(skipped_, ElementsAre("pytorch_model.bin"));
}

TEST_F(CheckpointWriting, ALinkOutOfTheSourceIsNotCarriedOver) {
  fs::create_symlink("/etc/hostname", source() / "README.md");
  const auto error = testing::error_of([&] { copy_with_shards_of(CheckpointWriter::kDefaultShardBytes); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "invalid_input");
}

TEST_F(CheckpointWriting, NanAndInfinityAreRefusedByNameAndElement) {
  CheckpointWriter writer(target(), {{"norm.weight", DType::F32, {3}}, {"ids", DType::I32, {1}}});
  const float values[] = {1.0F, 2.0F, -INFINITY};
  const auto error =
      testing::error_of([&] { writer.write("norm.weight", std::as_bytes(std::span(values))); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "not_finite");
  EXPECT_EQ(error->where, "norm.weight");
  EXPECT_THAT(error->what(), ::testing::HasSubstr("element 2"));
  const std::int32_t same_bits_as_nan = 0x7fc00000;
  EXPECT_NO_THROW(writer.write("ids", std::as_bytes(std::span(&same_bits_as_nan, 1))));
}

TEST_F(CheckpointWriting, AMissingTensorIsNoticed) {
  const Checkpoint from = Checkpoint::open(source());
  CheckpointWriter writer(target(), {{"a", DType::I8, {1}}});
  EXPECT_TRUE(testing::error_of([&] { writer.finish(from, "{}"); }));
}

}  // namespace
}  // namespace presswork::modelkit
