#include "orchestrator/report/progress.h"

#include <gtest/gtest.h>

#include <cctype>
#include <sstream>

#include "orchestrator/report/text.h"
#include "support/fakes.h"

namespace presswork::report {
namespace {

using base::Json;
using std::chrono::milliseconds;

// Keeps what a terminal would show.
class Terminal {
 public:
  explicit Terminal(bool live, int columns = 100, int lines = 24)
      : size{columns, lines},
        screen([this](std::string_view text) { raw += text; }, [this] { return size; }, live, Style{}) {}

  // The lines, as a terminal has them that knows what the display uses: up, erase a line, erase below.
  std::string shown() const {
    std::vector<std::string> lines = {""};
    std::size_t row = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] == '\r') {
        continue;  // stands only where the column is 0 anyway
      }
      if (raw[i] == '\x1b') {
        std::size_t end = i + 2;
        while (std::isdigit(static_cast<unsigned char>(raw[end])) != 0) ++end;
        if (raw[end] == 'A') row -= static_cast<std::size_t>(std::stoi(raw.substr(i + 2, end - i - 2)));
        if (raw[end] == 'J') lines.resize(row + 1), lines[row].clear();
        i = end;
        fresh_ = true;
        continue;
      }
      if (raw[i] == '\n') {
        if (++row == lines.size()) lines.emplace_back();
        fresh_ = true;
        continue;
      }
      if (fresh_) lines[row].clear();
      fresh_ = false;
      lines[row] += raw[i];
    }
    std::string text;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) text += lines[i] + "\n";
    return text;
  }

  std::string raw;
  ScreenSize size;
  Screen screen;

 private:
  mutable bool fresh_ = true;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class Progress : public ::testing::Test {
 protected:
  void send(engine::Observer& observer, const std::string& kind, const std::string& instance, Json data) {
    observer.on_event({clock.now(), kind, instance, std::move(data)});
  }
  testing::FakeClock clock;
};

TEST_F(Progress, ShowsALineForEachRunningStageAndKeepsOneForEachThatEnded) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 3}});
  send(*progress, "stage_started", "load", {{"uses", "model/load"}});
  send(*progress, "stage_started", "baseline", {{"uses", "evaluate/perplexity"}});
  send(*progress, "stage_progress", "baseline", {{"done", 0}, {"total", 2000}, {"what", "tokens"}});
  clock.advance(milliseconds(2000));
  send(*progress, "stage_progress", "baseline", {{"done", 500}, {"total", 2000}, {"what", "tokens"}});
  EXPECT_EQ(terminal.shown(),
            "run r1 of demo\n"
            "> load      2.0 s  model/load\n"
            "> baseline  [####...............]   25 %  500/2,000 tokens  250/s  6.0 s left  2.0 s\n"
            "0/3 done, 2 running, 2.0 s\n");
  send(*progress, "stage_succeeded", "load", {{"uses", "model/load"}, {"seconds", 2.0}});
  EXPECT_EQ(terminal.shown(),
            "run r1 of demo\n"
            "+ load              2.0 s       model/load\n"
            "> baseline  [####...............]   25 %  500/2,000 tokens  250/s  6.0 s left  2.0 s\n"
            "1/3 done, 1 running, 2.0 s\n");
  send(*progress, "run_ended", "", {{"state", "succeeded"}});
  EXPECT_EQ(terminal.shown(), "run r1 of demo\n+ load              2.0 s       model/load\n");
}

TEST_F(Progress, LeavesOutWhatDoesNotFit) {
  Terminal terminal(true, 40);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "baseline", {{"uses", "evaluate/perplexity"}});
  send(*progress, "stage_progress", "baseline", {{"done", 0}, {"total", 2000}, {"what", "tokens"}});
  clock.advance(milliseconds(2000));
  send(*progress, "stage_progress", "baseline", {{"done", 500}, {"total", 2000}, {"what", "tokens"}});
  EXPECT_EQ(terminal.shown(), "> baseline   25 %  6.0 s left  2.0 s\n");
}

TEST_F(Progress, DrawsAtMostTenTimesASecond) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "a", {{"uses", "test/noop"}});
  const std::string before = terminal.raw;
  for (int i = 1; i <= 50; ++i) {
    clock.advance(milliseconds(1));
    send(*progress, "stage_progress", "a", {{"done", i}, {"total", 50}, {"what", ""}});
  }
  EXPECT_EQ(terminal.raw, before);
  clock.advance(milliseconds(60));
  progress->on_tick();
  EXPECT_NE(terminal.raw, before);
}

TEST_F(Progress, SaysWhyAStageFailedAndWhatToDo) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "quantize", {{"uses", "quantize/rtn"}});
  send(*progress, "stage_failed", "quantize",
       {{"uses", "quantize/rtn"},
        {"state", "failed"},
        {"code", "invalid_parameter"},
        {"message", "bits must be 4 or 8"},
        {"where", "/bits"},
        {"hint", "use 4"},
        {"log", "/w/quantize.log"},
        {"attempt", 1}});
  EXPECT_EQ(terminal.shown(),
            "! quantize failed: bits must be 4 or 8 [invalid_parameter]\n"
            "    where: /bits\n"
            "    hint: use 4\n"
            "    log: /w/quantize.log\n");
}

TEST_F(Progress, PrintsTimedLinesInAPipe) {
  Terminal terminal(false);
  const auto progress = make_plain_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r2"}, {"workflow", "demo"}, {"resumed", true}});
  send(*progress, "stage_cached", "load", {{"uses", "model/load"}, {"seconds", 2.0}});
  send(*progress, "decision_made", "limit", {{"branch", "yes"}, {"inputs", {{"analyze.metrics.gb", 20.5}}}});
  send(*progress, "stage_started", "quality", {{"uses", "evaluate/perplexity"}, {"attempt", 2}});
  send(*progress, "stage_log", "quality", {{"level", "info"}, {"text", "details"}});
  send(*progress, "stage_log", "quality", {{"level", "warning"}, {"text", "slow\x1b[2J disk"}});
  send(*progress, "stage_skipped", "other", {{"cause", "limit chose yes"}});
  EXPECT_EQ(terminal.raw,
            "2026-09-21T14:13:20Z run r2 of demo, resumed\n"
            "2026-09-21T14:13:20Z = load              cached      model/load\n"
            "2026-09-21T14:13:20Z ? limit             yes  (analyze.metrics.gb = 20.5)\n"
            "2026-09-21T14:13:20Z > quality started: evaluate/perplexity (attempt 2)\n"
            "2026-09-21T14:13:20Z   quality: warning: slow disk\n"
            "2026-09-21T14:13:20Z - other             skipped: limit chose yes\n");
}

TEST_F(Progress, TellsOfAPipedStageEveryTenSeconds) {
  Terminal terminal(false);
  const auto progress = make_plain_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "quality", {{"uses", "evaluate/perplexity"}});
  terminal.raw.clear();
  send(*progress, "stage_progress", "quality", {{"done", 0}, {"total", 100}, {"what", "windows"}});
  for (int i = 1; i <= 30; ++i) {
    clock.advance(milliseconds(1000));
    send(*progress, "stage_progress", "quality", {{"done", i}, {"total", 100}, {"what", "windows"}});
  }
  EXPECT_EQ(terminal.raw,
            "2026-09-21T14:13:30Z quality 10 % (10/100 windows), 1 min 30 s left\n"
            "2026-09-21T14:13:40Z quality 20 % (20/100 windows), 1 min 20 s left\n"
            "2026-09-21T14:13:50Z quality 30 % (30/100 windows), 1 min 10 s left\n");
}

TEST_F(Progress, IsQuietWhenAskedToBeAndStillSaysWhatWentWrong) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, -1);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}});
  send(*progress, "stage_started", "a", {{"uses", "test/noop"}});
  clock.advance(milliseconds(500));
  progress->on_tick();
  EXPECT_EQ(terminal.raw, "");
  send(*progress, "stage_failed", "a", {{"state", "crashed"}, {"message", "died of signal 11"}});
  EXPECT_EQ(terminal.raw, "! a crashed: died of signal 11\n");
}

TEST_F(Progress, ShowsHowManyMoreRunThanFitAndKeepsTheTotalInSight) {
  Terminal terminal(true, 60, 13);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 40}});
  for (int i = 1; i <= 20; ++i) {
    send(*progress, "stage_started", "tune[" + std::to_string(i) + "]/quantize", {{"uses", "quantize/gptq"}});
  }
  clock.advance(milliseconds(2000));
  progress->on_tick();
  const std::vector<std::string> lines = lines_of(terminal.shown());
  ASSERT_EQ(lines.size(), 9u) << terminal.shown();
  EXPECT_EQ(lines[0], "run r1 of demo");
  EXPECT_EQ(lines[1], "> tune[1]/quantize   2.0 s  quantize/gptq");
  EXPECT_EQ(lines[7], "  and 14 more");
  EXPECT_EQ(lines[8], "0/40 done, 20 running, 2.0 s");
}

TEST_F(Progress, TellsOfAttemptsAndOfWhatStagesWaitFor) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 3}});
  send(*progress, "stage_waiting", "prune", {{"uses", "prune/n-m"}, {"for", "memory"}});
  send(*progress, "stage_started", "load", {{"uses", "model/load"}, {"attempt", 2}});
  send(*progress, "stage_started", "quantize", {{"uses", "quantize/rtn"}, {"attempt", 1}});
  send(*progress, "stage_failed", "quantize",
       {{"state", "crashed"}, {"message", "died of signal 11"}, {"attempt", 1}, {"retry_in_ms", 30000}});
  clock.advance(milliseconds(2000));
  progress->on_tick();
  const std::vector<std::string> lines = lines_of(terminal.shown());
  ASSERT_EQ(lines.size(), 7u) << terminal.shown();
  EXPECT_EQ(lines[1], "! quantize crashed: died of signal 11");
  EXPECT_EQ(lines[2], "    attempt 1; tries again in 30.0 s");
  EXPECT_EQ(lines[3], "> load      attempt 2  2.0 s  model/load");
  EXPECT_EQ(lines[4], "- prune     waits for memory");
  EXPECT_EQ(lines[5], "- quantize  waits 28.0 s  for attempt 2");
  EXPECT_EQ(lines[6], "0/3 done, 1 running, 2 waiting, 2.0 s");
}

TEST_F(Progress, NeverDrawsALineThatWrapsWhateverItsCharacters) {
  for (const int columns : {12, 25, 40, 79}) {
    Terminal terminal(true, columns);
    const auto progress = make_live_progress(terminal.screen, clock, 0);
    send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 1000}});
    send(*progress, "stage_started", "量化模型[資料=繁體中文]", {{"uses", "quantize/gptq"}});
    send(*progress, "stage_started", "tune[12]/quantize[bits=4,group_size=128]", {{"uses", "quantize/gptq"}});
    send(*progress, "stage_progress", "量化模型[資料=繁體中文]",
         {{"done", 0}, {"total", 40}, {"what", "層"}});
    clock.advance(milliseconds(60'000));
    send(*progress, "stage_progress", "量化模型[資料=繁體中文]",
         {{"done", 21}, {"total", 40}, {"what", "層"}});
    send(*progress, "stage_succeeded", "other", {{"uses", "evaluate/perplexity"}, {"seconds", 100000.0}});
    for (const std::string& line : lines_of(terminal.shown()))
      EXPECT_LT(display_width(line), static_cast<std::size_t>(columns)) << line;
  }
}

TEST_F(Progress, ShortensAnIdInItsMiddleSoThatItsCellStaysReadable) {
  Terminal terminal(true, 60);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "quantize_all_layers[bits=4,group_size=32]", {{"uses", "quantize/rtn"}});
  const std::string shown = terminal.shown();
  EXPECT_NE(shown.find("quantize…p_size=32]"), std::string::npos) << shown;
}

TEST_F(Progress, AdaptsToATerminalThatBecameNarrower) {
  Terminal terminal(true, 100);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "stage_started", "quality", {{"uses", "evaluate/perplexity"}});
  terminal.size = {20, 8};
  clock.advance(milliseconds(1000));
  progress->on_tick();
  EXPECT_EQ(terminal.raw.substr(terminal.raw.rfind('\r')), "\r\x1b[2A> quality   1.0 s\x1b[K\n\x1b[J");
}

TEST_F(Progress, OnlyCountsWhatIsCachedInALargeRun) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 1000}});
  for (int i = 0; i < 900; ++i)
    send(*progress, "stage_cached", "s" + std::to_string(i), {{"uses", "test/noop"}, {"seconds", 1.0}});
  send(*progress, "stage_started", "last", {{"uses", "test/noop"}});
  clock.advance(milliseconds(200));
  progress->on_tick();
  EXPECT_EQ(terminal.shown(),
            "run r1 of demo\n> last      200 ms  test/noop\n900/1,000 done, 1 running, 900 cached, 200 ms\n");
}

TEST_F(Progress, NamesIterationsOfLoopsAndWhatWasSelected) {
  Terminal terminal(false);
  const auto progress = make_plain_progress(terminal.screen, clock, 0);
  send(*progress, "loop_iteration", "tune", {{"iteration", 2}, {"max", 5}, {"state", {{"bits", 3}}}});
  send(*progress, "loop_ended", "tune", {{"outcome", "break"}, {"iteration", 2}, {"iterations", 2}});
  send(*progress, "selected", "best", {{"chosen", "quantize[bits=4]"}, {"among", 6}, {"value", 31.25}});
  send(*progress, "stage_rolled_back", "deploy", {{"uses", "x/y"}, {"state", "succeeded"}, {"message", ""}});
  EXPECT_EQ(terminal.raw,
            "2026-09-21T14:13:20Z @ tune              iteration 2 of at most 5  (bits = 3)\n"
            "2026-09-21T14:13:20Z @ tune              done with iteration 2\n"
            "2026-09-21T14:13:20Z ? best              quantize[bits=4] of 6 (31.25)\n"
            "2026-09-21T14:13:20Z < deploy            rolled back\n");
}

TEST_F(Progress, ShowsOpenLoopsAboveWhatRunsInThem) {
  Terminal terminal(true);
  const auto progress = make_live_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 1}});
  send(*progress, "loop_iteration", "tune", {{"iteration", 2}, {"max", 5}, {"state", Json::object()}});
  send(*progress, "stage_started", "tune[2]/quantize[bits=4]", {{"uses", "test/noop"}});
  clock.advance(milliseconds(200));
  progress->on_tick();
  EXPECT_EQ(terminal.shown(),
            "run r1 of demo\n"
            "@ tune              iteration 2 of at most 5\n"
            "@ tune                      iteration 2 of at most 5\n"
            "> tune[2]/quantize[bits=4]  200 ms  test/noop\n");
}

TEST_F(Progress, TellsAPipeOnceAMinuteHowFarTheRunIs) {
  Terminal terminal(false);
  const auto progress = make_plain_progress(terminal.screen, clock, 0);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 4}});
  send(*progress, "stage_started", "a", {{"uses", "test/noop"}});
  terminal.raw.clear();
  for (int i = 0; i < 130; ++i) {
    clock.advance(milliseconds(1000));
    progress->on_tick();
  }
  EXPECT_EQ(terminal.raw,
            "2026-09-21T14:14:20Z 0/4 done, 1 running\n2026-09-21T14:15:20Z 0/4 done, 1 running\n");
}

TEST_F(Progress, UsesNoControlSequenceInAPipe) {
  Terminal terminal(false);
  const auto progress = make_plain_progress(terminal.screen, clock, 2);
  send(*progress, "run_started", "", {{"run", "r1"}, {"workflow", "demo"}, {"stages", 2}});
  send(*progress, "stage_started", "a", {{"uses", "test/noop"}, {"why", "no checkpoint has its key"}});
  send(*progress, "stage_log", "a", {{"level", "info"}, {"text", "\x1b[31mred\x1b[0m\rover"}});
  send(*progress, "stage_failed", "a", {{"state", "failed"}, {"message", "\x1b]0;title\x07no"}});
  EXPECT_EQ(terminal.raw.find('\x1b'), std::string::npos) << terminal.raw;
  EXPECT_EQ(terminal.raw.find('\r'), std::string::npos) << terminal.raw;
}

}  // namespace
}  // namespace presswork::report
