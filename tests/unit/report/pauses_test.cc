#include "orchestrator/report/pauses.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace presswork::report {
namespace {

namespace fs = std::filesystem;

class Pauses : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "presswork-pauses-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path folder;
};

TEST_F(Pauses, AreTheTimesBetweenAnEndAndTheNextStart) {
  std::ofstream(folder / "events.jsonl")
      << R"({"kind":"run_started","run":"r1","time":"2026-11-22T07:00:00.000Z"})" << '\n'
      << R"({"kind":"stage_started","time":"2026-11-22T07:00:10.000Z"})" << '\n'
      << R"({"kind":"stage_log","text":"cut o)" << '\n'
      << R"({"kind":"run_started","run":"r1","time":"2026-11-22T09:00:10.500Z"})" << '\n'
      << R"({"kind":"run_ended","time":"2026-11-22T09:00:11.000Z"})" << '\n'
      << R"({"kind":"run_started","run":"r1","time":"2026-11-22T09:01:11.000Z"})" << '\n';
  EXPECT_DOUBLE_EQ(paused_seconds(folder), 7200.5 + 60);
}

TEST_F(Pauses, GoOnAcrossThePartsOfALongJournal) {
  std::ofstream(folder / "events.1.jsonl")
      << R"({"kind":"run_started","time":"2026-11-22T07:00:00.000Z"})" << '\n';
  std::ofstream(folder / "events.jsonl")
      << R"({"kind":"run_started","time":"2026-11-22T07:00:05.000Z"})" << '\n';
  EXPECT_DOUBLE_EQ(paused_seconds(folder), 5);
}

TEST_F(Pauses, AreNoneWithoutAJournal) { EXPECT_EQ(paused_seconds(folder / "none"), 0); }

}  // namespace
}  // namespace presswork::report
