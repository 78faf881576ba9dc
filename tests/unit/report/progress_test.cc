#include "orchestrator/report/progress.h"

#include <gtest/gtest.h>

#include "support/fakes.h"

namespace presswork::report {
namespace {

using base::Json;
using std::chrono::milliseconds;

// Keeps what a terminal would show: the lines that stay, and the block below them.
class Terminal {
 public:
  explicit Terminal(bool live, int columns = 100)
      : screen([this](std::string_view text) { raw += text; },
               [columns] {
                 return ScreenSize{columns, 24};
               },
               live, Style{}) {}

  std::string shown() const {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < raw.size();) {
      if (raw.compare(i, 3, "\r\x1b[") == 0) {
        const std::size_t up = raw.find('A', i);
        lines.resize(lines.size() - static_cast<std::size_t>(std::stoi(raw.substr(i + 3, up - i - 3))));
        i = up + 1 + 3;  // and "ESC [ J"
      } else {
        const std::size_t end = raw.find('\n', i);
        lines.push_back(raw.substr(i, end - i));
        i = end + 1;
      }
    }
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  std::string raw;
  Screen screen;
};

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
            "> baseline  [#####...............]   25 %  500/2,000 tokens  250/s  6.0 s left  2.0 s\n");
  send(*progress, "stage_succeeded", "load", {{"uses", "model/load"}, {"seconds", 2.0}});
  EXPECT_EQ(terminal.shown(),
            "run r1 of demo\n"
            "+ load              2.0 s       model/load\n"
            "> baseline  [#####...............]   25 %  500/2,000 tokens  250/s  6.0 s left  2.0 s\n");
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

}  // namespace
}  // namespace presswork::report
