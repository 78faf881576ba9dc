#include "orchestrator/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace presswork::base {
namespace {

TEST(Error, IsRenderedWithPlaceLineCaretAndHint) {
  const Error error(ErrorCode::invalid_workflow, "unknown key 'bit'", "did you mean 'bits'?",
                    {"flow.yaml", 12, 7, "      bit: 4"});
  EXPECT_EQ(render(error),
            "flow.yaml:12:7: error: unknown key 'bit'\n"
            "  12 |       bit: 4\n"
            "     |       ^\n"
            "  hint: did you mean 'bits'?\n");
}

TEST(Error, PutsTheCaretUnderAColumnAfterTabs) {
  const Error error(ErrorCode::invalid_workflow, "m", "", {"f", 3, 3, "\t\tx"});
  EXPECT_EQ(render(error), "f:3:3: error: m\n  3 | \t\tx\n    | \t\t^\n");
}

TEST(Error, IsRenderedWithoutWhatIsUnknown) {
  EXPECT_EQ(render(Error(ErrorCode::io, "m")), "error: m\n");
  EXPECT_EQ(render(Error(ErrorCode::io, "m", "", {"f", 0, 0, ""})), "f: error: m\n");
  EXPECT_EQ(render(Error(ErrorCode::io, "m", "", {"f", 4, 0, "x: y"})), "f:4: error: m\n  4 | x: y\n");
}

TEST(Error, IsFollowedByTheOthersOfItsDocument) {
  Error error(ErrorCode::invalid_workflow, "first");
  error.others.emplace_back(ErrorCode::invalid_workflow, "second");
  EXPECT_EQ(render(error), "error: first\nerror: second\n");
}

TEST(Error, OfTheSystemSaysWhatCouldNotBeDoneAndWhy) {
  EXPECT_EQ(system_error("open", "/x", ENOENT).message, "cannot open /x: No such file or directory");
  EXPECT_EQ(system_error("open", "/x", ENOENT).code, ErrorCode::not_found);
  EXPECT_EQ(system_error("open", "/x", ENOTDIR).code, ErrorCode::not_found);
  EXPECT_EQ(system_error("write", "/x", ENOSPC).code, ErrorCode::no_space);
  EXPECT_EQ(system_error("write", "/x", EDQUOT).code, ErrorCode::no_space);
  EXPECT_EQ(system_error("write", "/x", EROFS).code, ErrorCode::permission);
  EXPECT_EQ(system_error("write", "/x", EACCES).code, ErrorCode::permission);
  EXPECT_EQ(system_error("write", "/x", EIO).code, ErrorCode::io);
}

TEST(Nearest, FindsTheNameThatWasMeant) {
  const std::vector<std::string> names = {"bits", "group_size", "symmetric", "ignore"};
  EXPECT_EQ(nearest("bit", names), "bits");
  EXPECT_EQ(nearest("groupsize", names), "group_size");
  EXPECT_EQ(nearest("simetric", names), "symmetric");
  EXPECT_EQ(nearest("bits", names), "bits");
  EXPECT_EQ(nearest("int", {"list", "integer"}), "integer");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("temperature", {"bits", "group_size"}), "");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace presswork::base
