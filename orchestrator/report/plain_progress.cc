#include <chrono>
#include <map>

#include "orchestrator/base/units.h"
#include "orchestrator/report/board.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/stage_line.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

constexpr std::chrono::seconds kLineEvery{10};
constexpr std::chrono::seconds kTotalEvery{60};

class PlainProgress : public engine::Observer {
 public:
  PlainProgress(Screen& screen, base::Clock& clock, Verbosity verbosity)
      : screen_(screen), clock_(clock), verbosity_(verbosity), total_printed_(clock.monotonic()) {}

  void on_event(const engine::Event& event) override {
    const Board::Time now = clock_.monotonic();
    board_.follow(event, now);
    if (event.kind == "stage_progress") return progress(event, now);
    printed_.erase(event.instance);
    // A log file should tell what began, too: it may be all that is left of a machine that went down.
    const bool starts = event.kind == "stage_started" && verbosity_ == 0;
    print(event.time, describe(event, screen_.style(), starts ? 1 : verbosity_));
  }

  void on_tick() override {
    const Board::Time now = clock_.monotonic();
    if (verbosity_ < 0 || now - total_printed_ < kTotalEvery || board_.counts().total < 2) return;
    total_printed_ = now;
    std::string text;
    for (const std::string& word : count_words(board_)) text += (text.empty() ? "" : ", ") + word;
    if (const auto left = board_.left(now)) text += ", " + about(*left) + " left";
    print(clock_.now(), text);
  }

 private:
  void progress(const engine::Event& event, Board::Time now) {
    if (verbosity_ < 0) return;
    // Silent at first, so that a short stage is two lines and no more.
    const auto [printed, first] = printed_.emplace(event.instance, now);
    if (first || now - printed->second < kLineEvery) return;
    for (const RunningStage& stage : board_.running()) {
      if (stage.instance != event.instance) continue;
      printed->second = now;
      std::string text = one_line(event.instance) + " " + progress_text(stage.estimate);
      if (const auto left = stage.estimate.left(now)) text += ", " + base::format_duration(*left) + " left";
      print(event.time, text);
    }
  }

  void print(std::chrono::system_clock::time_point when, const std::string& text) {
    if (text.empty()) return;
    std::string time = base::to_utc_string(when);
    time = time.substr(0, 19) + "Z";  // milliseconds are in the journal
    std::string out;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out += (out.empty() ? "" : "\n") + time + " " + text.substr(at, end - at);
      at = end + 1;
    }
    screen_.print(out);
  }

  Screen& screen_;
  base::Clock& clock_;
  Verbosity verbosity_;
  Board board_;
  std::map<std::string, Board::Time> printed_;  // when a stage's progress was told last
  Board::Time total_printed_;
};

}  // namespace

std::unique_ptr<engine::Observer> make_plain_progress(Screen& screen, base::Clock& clock,
                                                      Verbosity verbosity) {
  return std::make_unique<PlainProgress>(screen, clock, verbosity);
}

}  // namespace presswork::report
