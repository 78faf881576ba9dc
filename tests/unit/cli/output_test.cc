#include "orchestrator/cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "orchestrator/cli/signals.h"

namespace presswork::cli {
namespace {

TEST(Output, WritesNothingBeforeItIsFlushed) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Output output(ends[1]);
  output.line("one");
  output.text("two\n");
  output.flush();
  char text[32] = {};
  ASSERT_EQ(read(ends[0], text, sizeof text), 8);
  EXPECT_STREQ(text, "one\ntwo\n");
  EXPECT_FALSE(output.to_terminal());
  close(ends[0]);
  close(ends[1]);
}

TEST(Output, EndsQuietlyWhenTheReaderHasGone) {
  ignore_broken_pipes();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  Output output(ends[1]);
  output.line("to nobody");
  EXPECT_NO_THROW(output.flush());
  close(ends[1]);
}

TEST(Output, ComplainsWhenTheDiskIsFull) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "skipped: no /dev/full";
  Output output(full);
  output.line("too much");
  EXPECT_THROW(output.flush(), base::Error);
  close(full);
}

TEST(Output, ShowsAnErrorWithItsPlaceAndItsCompanions) {
  base::Error error(base::ErrorCode::invalid_workflow, "unknown stage", "did you mean a?",
                    {"w.yaml", 3, 5, "  x"});
  error.others.emplace_back(base::ErrorCode::invalid_workflow, "another");
  const base::Json json = error_json(error);
  EXPECT_EQ(json["error"]["code"], "invalid_workflow");
  EXPECT_EQ(json["error"]["where"], "w.yaml:3:5");
  EXPECT_EQ(json["error"]["line"], 3);
  EXPECT_EQ(json["error"]["hint"], "did you mean a?");
  EXPECT_EQ(json["error"]["others"][0]["message"], "another");
}

}  // namespace
}  // namespace presswork::cli
