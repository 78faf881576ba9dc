#include "orchestrator/report/board.h"

#include <gtest/gtest.h>

#include "orchestrator/report/instance_id.h"
#include "orchestrator/report/moment.h"

namespace presswork::report {
namespace {

using base::Json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class BoardOfARun : public ::testing::Test {
 protected:
  void send(const std::string& kind, const std::string& instance, const Json& data, int at_seconds) {
    board.follow({{}, kind, instance, data}, Board::Time(seconds(1000 + at_seconds)));
  }
  Board::Time at(int at_seconds) const { return Board::Time(seconds(1000 + at_seconds)); }
  Board board;
};

TEST_F(BoardOfARun, CountsEachStageOnceWhateverBecameOfIt) {
  send("run_started", "", {{"stages", 6}, {"kept", 1}}, 0);
  send("stage_cached", "a", {{"uses", "x"}}, 0);
  send("stage_started", "b", {{"uses", "x"}, {"pid", 12}}, 0);
  send("stage_failed", "b", {{"message", "m"}, {"attempt", 1}, {"retry_in_ms", 5000}}, 1);
  EXPECT_EQ(board.counts().done(), 2u);
  EXPECT_EQ(board.waiting().at("b").attempt, 2);
  send("stage_started", "b", {{"uses", "x"}, {"attempt", 2}, {"pid", 13}}, 6);
  EXPECT_TRUE(board.waiting().empty());
  EXPECT_EQ(board.running().front().pid, 13);
  send("stage_succeeded", "b", {}, 7);
  send("stage_skipped", "c", {{"cause", "x"}}, 7);
  send("stage_failed", "d", {{"message", "m"}}, 7);
  EXPECT_EQ(count_words(board),
            (std::vector<std::string>{"5/6 done", "1 failed", "1 kept", "1 cached", "1 skipped"}));
}

TEST_F(BoardOfARun, AStageThatIsRolledBackRunsInAnotherProcess) {
  send("stage_started", "a", {{"uses", "x"}, {"attempt", 2}, {"pid", 13}}, 0);
  send("stage_rolling_back", "a", {{"uses", "x"}, {"attempt", 2}, {"pid", 14}}, 1);
  ASSERT_EQ(board.running().size(), 1u);
  EXPECT_EQ(board.running().front().pid, 14);
  EXPECT_EQ(board.running().front().attempt, 2);
}

TEST_F(BoardOfARun, KnowsMoreStagesThanAnnouncedOnceALoopBringsThem) {
  send("run_started", "", {{"stages", 1}}, 0);
  for (int i = 1; i <= 3; ++i) send("stage_cached", "tune[" + std::to_string(i) + "]/a", {}, 0);
  EXPECT_EQ(board.counts().total, 3u);
}

TEST_F(BoardOfARun, DoesNotGuessTheTimeLeftWhileALoopMayGoOn) {
  send("run_started", "", {{"stages", 1}}, 0);
  const auto iterate = [&](int number, int from) {
    send("loop_iteration", "tune", {{"iteration", number}, {"max", 3}, {"state", Json::object()}}, from);
    send("stage_started", "tune[" + std::to_string(number) + "]/a", {{"uses", "x"}}, from);
    send("stage_succeeded", "tune[" + std::to_string(number) + "]/a", {}, from + 10);
  };
  iterate(1, 0);
  iterate(2, 10);
  send("stage_started", "last", {{"uses", "x"}}, 20);
  EXPECT_EQ(board.loops().at("tune").iteration, 2);
  EXPECT_EQ(count_words(board).front(), "2/3+ done");
  EXPECT_FALSE(board.left(at(22)));
  send("loop_ended", "tune", {{"outcome", "break"}, {"iteration", 2}, {"iterations", 2}}, 22);
  EXPECT_TRUE(board.loops().empty());
  EXPECT_EQ(*board.left(at(22)), milliseconds(8'000));
}

TEST_F(BoardOfARun, CountsNoStageForALoopThatFails) {
  send("run_started", "", {{"stages", 1}}, 0);
  send("stage_failed", "tune[1]/a", {{"uses", "x"}, {"message", "m"}}, 1);
  send("stage_failed", "tune", {{"uses", ""}, {"message", "tune[1]/a failed"}}, 1);
  EXPECT_EQ(board.counts().failed, 1u);
}

TEST_F(BoardOfARun, EstimatesTheRestFromWhatWasDone) {
  send("run_started", "", {{"stages", 10}}, 0);
  send("stage_started", "a", {{"uses", "x"}}, 0);
  send("stage_started", "b", {{"uses", "x"}}, 0);
  EXPECT_FALSE(board.left(at(5))) << "nothing is known yet";
  send("stage_succeeded", "a", {}, 10);
  send("stage_succeeded", "b", {}, 10);
  send("stage_started", "c", {{"uses", "x"}}, 10);
  // Two at once, ten seconds each: c has 6 s left, seven more take 70 s.
  EXPECT_EQ(*board.left(at(14)), milliseconds(38'000));
}

TEST_F(BoardOfARun, BelievesARunningStageThatSaysHowFarItIs) {
  send("run_started", "", {{"stages", 2}}, 0);
  send("stage_started", "a", {{"uses", "x"}}, 0);
  send("stage_progress", "a", {{"done", 0}, {"total", 100}, {"what", "rows"}}, 0);
  send("stage_progress", "a", {{"done", 20}, {"total", 100}, {"what", "rows"}}, 10);
  send("stage_cached", "b", {}, 10);
  EXPECT_EQ(*board.left(at(10)), milliseconds(40'000));
}

TEST_F(BoardOfARun, ReadsEventsWithMissingOrWrongFields) {
  send("run_started", "", {{"stages", "many"}}, 0);
  send("stage_started", "a", {{"uses", 3}, {"attempt", "first"}}, 0);
  send("stage_progress", "a", {{"done", "x"}, {"total", nullptr}}, 0);
  send("stage_failed", "a", Json::array(), 0);
  EXPECT_EQ(board.counts().failed, 1u);
}

TEST(About, IsAsCoarseAsItIsSure) {
  EXPECT_EQ(about(milliseconds(3'200)), "about 4 s");
  EXPECT_EQ(about(milliseconds(41'000)), "about 45 s");
  EXPECT_EQ(about(milliseconds(59'000)), "about 1 min");
  EXPECT_EQ(about(milliseconds(250'000)), "about 4 min");
  EXPECT_EQ(about(std::chrono::minutes(132)), "about 2 h 10 min");
  EXPECT_EQ(about(std::chrono::hours(100)), "about 4 days");
}

TEST(InstanceIds, ArePartedIntoNodeAndPattern) {
  EXPECT_EQ(node_of("tune[2]/quantize[bits=4,name=a/b]"), "tune/quantize");
  EXPECT_EQ(pattern_of("tune[2]/quantize[bits=4]"), "tune[*]/quantize[*]");
  EXPECT_EQ(pattern_of("plain"), "plain");
  EXPECT_EQ(node_of("a[x=[1]]"), "a");
  EXPECT_EQ(parent_of("outer/inner/x"), "outer/inner");
  EXPECT_EQ(parent_of("x"), "");
}

TEST(Moments, AreReadAsTheLedgerWritesThem) {
  EXPECT_DOUBLE_EQ(*seconds_between("2026-11-22T07:36:49.500Z", "2026-11-22T07:36:53.800Z"), 4.3);
  EXPECT_DOUBLE_EQ(*seconds_between("2026-11-22T07:36:53.800Z", "2026-11-22T07:36:49.500Z"), 0);
  EXPECT_FALSE(seconds_between("", "2026-11-22T07:36:49.500Z"));
  EXPECT_FALSE(moment_of("yesterday"));
}

}  // namespace
}  // namespace presswork::report
