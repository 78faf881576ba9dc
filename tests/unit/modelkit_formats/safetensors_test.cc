#include "plugins/modelkit/formats/safetensors.h"

#include <gmock/gmock.h>

#include "support.h"

namespace presswork::modelkit {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::safetensors;
using testing::TemporaryFolder;
using testing::write_file;

class Safetensors : public ::testing::Test {
 protected:
  // The message that opening such a file ends with; "" when it opens.
  std::string problem(const std::string& content) {
    const auto path = folder_.path() / "x.safetensors";
    write_file(path, content);
    const auto error = error_of([&] { SafetensorsFile file(path); });
    if (!error) return "";
    EXPECT_EQ(error->code, "corrupt_file");
    EXPECT_EQ(error->where, path.string());
    return error->message;
  }

  TemporaryFolder folder_;
  const std::string two_ =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"I8","shape":[2,2],"data_offsets":[8,12]}})";
  const std::string data_ = std::string("\0\0\x80\x3f\0\0\0\x40\x01\x02\x03\x04", 12);
};

TEST_F(Safetensors, NamesShapesAndValuesComeOutAsTheyWentIn) {
  const auto path = folder_.path() / "x.safetensors";
  write_file(path, safetensors(two_, data_));
  const SafetensorsFile file(path);
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.find("a")->shape, Shape({2}));
  EXPECT_EQ(testing::values<float>(*file.find("a")), (std::vector<float>{1, 2}));
  EXPECT_EQ(file.find("b")->dtype, DType::I8);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST_F(Safetensors, AFileCutShortAnywhereIsRefused) {
  const std::string whole = safetensors(two_, data_);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(problem(whole.substr(0, length)), "") << length;
  }
  EXPECT_EQ(problem(whole), "");
}

TEST_F(Safetensors, AByteChangedAnywhereInTheHeaderNeverCrashes) {
  const std::string whole = safetensors(two_, data_);
  for (std::size_t at = 0; at < whole.size() - data_.size(); ++at) {
    for (const char byte : {'\0', '9', '"', '{', ']', '\xff'}) {
      std::string changed = whole;
      changed[at] = byte;
      problem(changed);  // opens or is refused as corrupt, which problem() checks
    }
  }
}

TEST_F(Safetensors, AHeaderThatClaimsMoreThanTheFileHasIsRefused) {
  std::string bomb = safetensors("{}", "");
  for (const std::uint64_t length : {3ull, 100'000'001ull, 0x7fffffffffffffffull, 0xffffffffffffffffull}) {
    std::memcpy(bomb.data(), &length, 8);
    EXPECT_THAT(problem(bomb), HasSubstr("claims a header of")) << length;
  }
}

TEST_F(Safetensors, DeepNestingIsRefusedAtOnce) {
  const std::string deep = "{\"a\":" + std::string(5'000'000, '[') + "}";
  EXPECT_NE(problem(safetensors(deep, "")), "");
  EXPECT_NE(problem(safetensors("{\"a\":{\"shape\":" + std::string(1'000'000, '[') + "}}", "")), "");
}

struct BadHeader {
  const char* what;
  const char* header;
  const char* message;
};

TEST_F(Safetensors, AHeaderThatContradictsItselfIsRefusedByName) {
  const BadHeader bad[] = {
      {"overlap",
       R"({"a":{"dtype":"I8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[8],"data_offsets":[4,12]}})",
       "overlaps"},
      {"gap",
       R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[4],"data_offsets":[8,12]}})",
       "gap"},
      {"late start", R"({"a":{"dtype":"I8","shape":[8],"data_offsets":[4,12]}})", "gap"},
      {"bytes left over", R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})",
       "after the last tensor"},
      {"beyond the end", R"({"a":{"dtype":"I8","shape":[13],"data_offsets":[0,13]}})", "ends at byte 13"},
      {"backwards", R"({"a":{"dtype":"I8","shape":[0],"data_offsets":[12,0]}})", "lies at"},
      {"too few bytes for the shape", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}})",
       "needs 16"},
      {"a product that overflows",
       R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,12]}})", "impossible"},
      {"bytes that overflow", R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,12]}})",
       "impossible"},
      {"a dimension beyond 63 bits",
       R"({"a":{"dtype":"I8","shape":[9223372036854775808],"data_offsets":[0,12]}})", "too large"},
      {"a dimension beyond 64 bits",
       R"({"a":{"dtype":"I8","shape":[99999999999999999999],"data_offsets":[0,12]}})", "too large"},
      {"negative dimension", R"({"a":{"dtype":"I8","shape":[-12],"data_offsets":[0,12]}})", "negative"},
      {"fraction", R"({"a":{"dtype":"I8","shape":[12.0],"data_offsets":[0,12]}})", "fractional"},
      {"one tensor twice",
       R"({"a":{"dtype":"I8","shape":[12],"data_offsets":[0,12]},"a":{"dtype":"I8","shape":[12],"data_offsets":[0,12]}})",
       "twice"},
      {"one key twice", R"({"a":{"dtype":"I8","dtype":"I8","shape":[12],"data_offsets":[0,12]}})", "twice"},
      {"unknown dtype", R"({"a":{"dtype":"Q4","shape":[12],"data_offsets":[0,12]}})", "unknown dtype \"Q4\""},
      {"unknown key", R"({"a":{"dtype":"I8","shape":[12],"data_offsets":[0,12],"exec":[1]}})", "unknown key"},
      {"missing key", R"({"a":{"dtype":"I8","data_offsets":[0,12]}})", "complete"},
      {"three offsets", R"({"a":{"dtype":"I8","shape":[12],"data_offsets":[0,12,12]}})", "more than two"},
      {"one offset", R"({"a":{"dtype":"I8","shape":[12],"data_offsets":[0]}})", "complete"},
      {"null", R"({"a":null})", "null"},
      {"a list", R"(["a"])", "no JSON header"},
      {"not JSON", R"({"a":{"dtype")", "not valid JSON"},
      {"two documents", R"({}{})", "not valid JSON"},
  };
  for (const BadHeader& one : bad) {
    EXPECT_THAT(problem(safetensors(one.header, data_)), HasSubstr(one.message)) << one.what;
  }
}

TEST_F(Safetensors, EmptyTensorsAndScalarsAreFine) {
  const std::string header = R"({"empty":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                             R"("scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  EXPECT_EQ(problem(safetensors(header, "1234")), "");
  EXPECT_EQ(problem(safetensors("{}", "")), "");
  EXPECT_EQ(problem(safetensors("{}        ", "")), "");  // writers pad the header with spaces
}

TEST_F(Safetensors, OnlyRegularFilesAreOpened) {
  const auto missing = error_of([&] { SafetensorsFile file(folder_.path() / "none"); });
  const auto directory = error_of([&] { SafetensorsFile file(folder_.path()); });
  ASSERT_TRUE(missing && directory);
  EXPECT_EQ(missing->code, "io");
  EXPECT_EQ(directory->code, "io");
}

TEST_F(Safetensors, TheReferenceWritersFilesOpen) {
  const SafetensorsFile file(testing::golden("rtn.safetensors"));
  EXPECT_EQ(file.find("w")->shape, Shape({12, 96}));
}

}  // namespace
}  // namespace presswork::modelkit
