#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::error_of;

const std::string some_digest(64, 'a');

Json manifest_of(const std::vector<std::string>& paths, bool directory = true) {
  Json files = Json::array();
  for (const std::string& path : paths)
    files.push_back({{"path", path}, {"size", 1u}, {"sha256", some_digest}});
  return {{"manifest", 1}, {"directory", directory}, {"files", files}};
}

TEST(Manifest, ReadsBackWhatItWrote) {
  const Manifest manifest{true, {{"a/b", 3, some_digest}, {"c", 0, some_digest}}};
  const Manifest read = Manifest::from_json(manifest.to_json());
  EXPECT_EQ(read.digest(), manifest.digest());
  EXPECT_EQ(read.bytes(), 3u);
}

// sha256sum of the canonical text, taken with coreutils.
TEST(Manifest, HasTheDigestOfItsCanonicalText) {
  EXPECT_EQ(base::canonical((Manifest{true, {}}).to_json()), R"({"directory":true,"files":[],"manifest":1})");
  EXPECT_EQ((Manifest{true, {}}).digest(),
            "bd71599f6ab99303c9917dce8395dd465397a0548d8e3deac6cf9977fd71f788");
}

TEST(Manifest, RefusesPathsThatLeadOutOfTheArtifact) {
  for (const std::string path :
       {"..", "../x", "a/../../x", "a/..", "/etc/passwd", "a//b", "./a", "a/.", "", "a/"}) {
    EXPECT_EQ(error_of([&] { Manifest::from_json(manifest_of({path})); }).code, ErrorCode::corrupt) << path;
  }
  EXPECT_EQ(error_of([&] { Manifest::from_json(manifest_of({std::string("a\0b", 3)})); }).code,
            ErrorCode::corrupt);
}

TEST(Manifest, TakesNamesThatOnlyLookLikeParents) {
  EXPECT_EQ(Manifest::from_json(manifest_of({"...", "..a", "b..", "c/..d"})).files.size(), 4u);
}

TEST(Manifest, RefusesDisorderDoublesAndFilesBelowFiles) {
  for (const std::vector<std::string>& paths :
       {std::vector<std::string>{"b", "a"}, {"a", "a"}, {"a", "a/b"}, {"a", "a-b", "a/b"}}) {
    EXPECT_EQ(error_of([&] { Manifest::from_json(manifest_of(paths)); }).code, ErrorCode::corrupt)
        << paths[1];
  }
}

TEST(Manifest, RefusesASingleFileThatIsNotOne) {
  for (const std::vector<std::string>& paths : {std::vector<std::string>{}, {"a", "b"}, {"a/b"}}) {
    EXPECT_EQ(error_of([&] { Manifest::from_json(manifest_of(paths, false)); }).code, ErrorCode::corrupt);
  }
}

TEST(Manifest, RefusesOtherShapes) {
  for (const char* text :
       {"null", "[]", "{}", R"({"manifest":2,"directory":true,"files":[]})", R"({"manifest":1,"files":[]})",
        R"({"manifest":1,"directory":true,"files":{}})", R"({"manifest":1,"directory":true,"files":[1]})",
        R"({"manifest":1,"directory":true,"files":[{"path":"a","size":-1,"sha256":"x"}]})",
        R"({"manifest":1,"directory":true,"files":[{"path":"a","size":1,"sha256":"../../x"}]})"}) {
    EXPECT_EQ(error_of([&] { Manifest::from_json(Json::parse(text)); }).code, ErrorCode::corrupt) << text;
  }
}

}  // namespace
}  // namespace presswork::store
