#include "plugins/modelkit/formats/safetensors_writer.h"

#include "support.h"

namespace presswork::modelkit {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

std::vector<std::byte> bytes(std::size_t count, int value) { return {count, static_cast<std::byte>(value)}; }

TEST(SafetensorsWriter, TensorsWrittenInAnyOrderAreReadBack) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "m.safetensors";
  SafetensorsWriter writer(
      path, {{"odd", DType::I8, {3}}, {"wide", DType::I64, {2}}, {"half", DType::BF16, {1, 2}}});
  writer.write("half", bytes(4, 1));
  writer.write("wide", bytes(16, 2));
  EXPECT_FALSE(writer.complete());
  writer.write("odd", bytes(3, 3));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.publish();
  EXPECT_EQ(std::filesystem::file_size(path), writer.file_bytes());

  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.find("wide")->bytes[15], std::byte{2});
  EXPECT_EQ(file.find("half")->shape, Shape({1, 2}));
  for (const TensorView& view : file.tensors()) {  // PyTorch's reader needs aligned tensors
    EXPECT_EQ((view.bytes.data() - file.file().bytes().data()) % static_cast<long>(size_of(view.dtype)), 0)
        << view.name;
  }
}

TEST(SafetensorsWriter, AnUnfinishedFileLeavesNothingBehind) {
  const TemporaryFolder folder;
  {
    SafetensorsWriter writer(folder.path() / "m.safetensors", {{"a", DType::I8, {3}}});
    EXPECT_TRUE(error_of([&] { writer.publish(); }));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SafetensorsWriter, MistakesOfTheCallerAreNamed) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder.path() / "m.safetensors", {{"a", DType::I8, {3}}, {"b", DType::I8, {1}}});
  writer.write("a", bytes(3, 0));
  EXPECT_TRUE(error_of([&] { writer.write("a", bytes(3, 0)); }));
  EXPECT_TRUE(error_of([&] { writer.write("b", bytes(2, 0)); }));
  EXPECT_TRUE(error_of([&] { writer.write("c", bytes(1, 0)); }));
  EXPECT_TRUE(error_of([&] {
    SafetensorsWriter twice(folder.path() / "n", {{"a", DType::I8, {}}, {"a", DType::I8, {}}});
  }));
}

TEST(SafetensorsWriter, AFolderThatIsNotThereIsAnIoError) {
  const auto error = error_of([] { SafetensorsWriter writer("/nonexistent/folder/m.safetensors", {}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "io");
}

TEST(WriteFileAtomically, ReplacesAFileWhole) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "a.json", "old and long");
  write_file_atomically(folder.path() / "a.json", "new");
  EXPECT_EQ(testing::read_file(folder.path() / "a.json"), "new");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.json.partial"));
}

}  // namespace
}  // namespace presswork::modelkit
