#include "orchestrator/report/log_tail.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace presswork::report {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/presswork-log-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }
  void write(const std::string& text) { std::ofstream(folder / "a.log", std::ios::app) << text; }
  LogTail tail(long long lines) const { return {folder / "a.log", lines}; }
  fs::path folder;
};

TEST_F(Log, IsReadWhileItIsWrittenInWholeLines) {
  LogTail log = tail(-1);
  EXPECT_TRUE(log.read().empty()) << "it does not exist yet";
  write("one\ntw");
  EXPECT_EQ(log.read(), Lines{"one"});
  write("o\nthree");
  EXPECT_EQ(log.read(), Lines{"two"});
  EXPECT_EQ(log.rest(), Lines{"three"});
  EXPECT_TRUE(log.rest().empty());
}

TEST_F(Log, BeginsWithTheLastLinesThatAreAskedFor) {
  std::string all;
  for (int i = 1; i <= 30'000; ++i) all += "line " + std::to_string(i) + "\n";
  write(all);
  EXPECT_EQ(tail(2).read(), (Lines{"line 29999", "line 30000"}));
  EXPECT_TRUE(tail(0).read().empty());
  LogTail many = tail(20'000);
  Lines lines;
  for (Lines more = many.read(); !more.empty(); more = many.read())
    lines.insert(lines.end(), more.begin(), more.end());
  ASSERT_EQ(lines.size(), 20'000u);
  EXPECT_EQ(lines.front(), "line 10001");
  write("without an end");
  LogTail last = tail(2);
  EXPECT_EQ(last.read(), Lines{"line 30000"});
  EXPECT_EQ(last.rest(), Lines{"without an end"});
}

TEST_F(Log, StartsOverWhenSomebodyEmptiesIt) {
  write("one\ntwo\n");
  LogTail log = tail(-1);
  log.read();
  fs::resize_file(folder / "a.log", 0);
  EXPECT_TRUE(log.read().empty());
  write("new\n");
  EXPECT_EQ(log.read(), Lines{"new"});
}

}  // namespace
}  // namespace presswork::report
