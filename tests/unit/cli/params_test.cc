#include "orchestrator/cli/params.h"

#include <gtest/gtest.h>

#include <fstream>

#include "orchestrator/base/error.h"
#include "support/child.h"

namespace presswork::cli {
namespace {

using base::Json;

base::ErrorCode code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.code;
  }
  return base::ErrorCode::internal;
}

TEST(Assignment, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(split_assignment("model=/a=b", "-p"), (std::pair<std::string, std::string>("model", "/a=b")));
  EXPECT_EQ(split_assignment("empty=", "-p").second, "");
}

TEST(Assignment, NeedsANameAndAnEqualsSign) {
  EXPECT_EQ(code_of([] { split_assignment("model", "-p"); }), base::ErrorCode::usage);
  EXPECT_EQ(code_of([] { split_assignment("=4", "-p"); }), base::ErrorCode::usage);
}

TEST(GivenParams, PutsTheCommandLineOverTheFile) {
  const testing::TemporaryFolder folder;
  const std::string file = folder.path() / "params.yaml";
  std::ofstream(file) << "bits: 8\nmodel: \"m\"\nlist: [1, a]\n";
  const Json given = given_params(file, {"bits=4"});
  EXPECT_EQ(given["bits"], "4");
  EXPECT_EQ(given["model"], "m");
  EXPECT_EQ(given["list"], Json::parse("[1, \"a\"]"));
}

TEST(GivenParams, ReadsJsonFiles) {
  const testing::TemporaryFolder folder;
  const std::string file = folder.path() / "params.json";
  std::ofstream(file) << "{\"bits\": 8}";
  EXPECT_EQ(given_params(file, {}), Json::parse("{\"bits\": 8}"));
}

TEST(GivenParams, SaysWhatIsWrongWithTheFile) {
  const testing::TemporaryFolder folder;
  const std::string list = folder.path() / "list.json", broken = folder.path() / "broken.yaml";
  std::ofstream(list) << "[1]";
  std::ofstream(broken) << "a: [1\n";
  EXPECT_EQ(code_of([&] { given_params(list, {}); }), base::ErrorCode::invalid_input);
  EXPECT_EQ(code_of([&] { given_params(broken, {}); }), base::ErrorCode::invalid_input)
      << "not invalid_workflow";
  EXPECT_EQ(code_of([&] { given_params(folder.path() / "none.json", {}); }), base::ErrorCode::not_found);
}

}  // namespace
}  // namespace presswork::cli
