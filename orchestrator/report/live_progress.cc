#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "orchestrator/base/units.h"
#include "orchestrator/report/board.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/stage_line.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedraw{100};
constexpr std::size_t kWidestName = 40;
// Of a run with more stages than this, what is cached or skipped is counted only.
constexpr std::size_t kManyStages = 60;

class LiveProgress : public engine::Observer {
 public:
  LiveProgress(Screen& screen, base::Clock& clock, Verbosity verbosity)
      : screen_(screen), clock_(clock), verbosity_(verbosity) {}

  ~LiveProgress() override { screen_.clear_live(); }

  void on_event(const engine::Event& event) override {
    const Board::Time now = clock_.monotonic();
    board_.follow(event, now);
    if (event.kind == "run_ended") return screen_.clear_live();
    const std::string text = said_of(event);
    if (!text.empty()) {
      screen_.set_live(lines(now));  // the stage that ended leaves the block before its line appears above it
      screen_.print(text);
      drawn_ = now;
    } else {
      redraw(now);
    }
  }

  void on_tick() override { redraw(clock_.monotonic()); }

 private:
  std::string said_of(const engine::Event& event) {
    const std::string& kind = event.kind;
    if (verbosity_ == 0 && board_.counts().total > kManyStages &&
        (kind == "stage_cached" || kind == "stage_skipped")) {
      return {};
    }
    name_ = std::max(name_, std::min(display_width(one_line(event.instance)), kWidestName));
    const std::string text = describe(event, screen_.style(), verbosity_, std::max(name_, kNameWidth));
    // What went wrong is told in full; the rest fits in one line.
    if (kind == "stage_failed" || kind == "stage_log") return text;
    return truncate(text, width());
  }

  std::size_t width() const { return static_cast<std::size_t>(std::max(screen_.size().columns - 1, 1)); }

  void redraw(Board::Time now) {
    if (verbosity_ < 0 || now - drawn_ < kRedraw) return;
    drawn_ = now;
    screen_.set_live(lines(now));
  }

  // At most two thirds of the screen, so that what ended lately stays in sight. The last line is the total.
  std::vector<std::string> lines(Board::Time now) const {
    std::vector<std::string> out;
    if (verbosity_ < 0) return out;
    const auto height = static_cast<std::size_t>(std::max(screen_.size().lines - 1, 1));
    const std::string total = total_line(board_, screen_.style(), width(), now);
    std::size_t room = std::max<std::size_t>(std::min<std::size_t>(height, 6), height * 2 / 3);
    if (!total.empty() && room > 0) --room;
    const std::size_t wanted = loop_lines() + board_.running().size() + waiting_lines();
    const std::size_t shown = wanted > room ? (room == 0 ? 0 : room - 1) : wanted;
    add_stages(out, shown, now);
    if (wanted > shown && room > 0) {
      out.push_back(
          screen_.style().dim("  and " + format_integer(static_cast<long long>(wanted - shown)) + " more"));
    }
    if (!total.empty()) out.push_back(total);
    return out;
  }

  // Nested loops, the inner ones last; of many that run at once the first are enough.
  std::size_t loop_lines() const { return std::min<std::size_t>(board_.loops().size(), 3); }

  // Many that wait for room are one number in the total line.
  std::size_t waiting_lines() const { return std::min<std::size_t>(board_.waiting().size(), 3); }

  void add_stages(std::vector<std::string>& out, std::size_t shown, Board::Time now) const {
    std::size_t name = 8;
    for (const RunningStage& stage : board_.running())
      name = std::max(name, display_width(one_line(stage.instance)));
    for (const auto& [instance, loop] : board_.loops())
      name = std::max(name, display_width(one_line(instance)));
    const Style& style = screen_.style();
    const StageLine line{style, width(), std::min(name, std::max<std::size_t>(width() / 3, 8)),
                         spinner(style, now)};
    const std::size_t loops = std::min(shown, loop_lines());
    for (const auto& [instance, loop] : board_.loops()) {
      if (out.size() < loops) out.push_back(line.of(instance, loop));
    }
    for (const RunningStage& stage : board_.running()) {
      if (out.size() < shown) out.push_back(line.of(stage, now));
    }
    for (const auto& [instance, stage] : board_.waiting()) {
      if (out.size() < shown) out.push_back(line.of(instance, stage, now));
    }
  }

  static std::string spinner(const Style& style, Board::Time now) {
    static constexpr std::array<const char*, 10> frames = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    const auto tenths = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count() / 100;
    return style.glyph(style.cyan(frames[static_cast<std::size_t>(tenths % 10)]), ">");
  }

  Screen& screen_;
  base::Clock& clock_;
  Verbosity verbosity_;
  Board board_;
  std::size_t name_ = 0;  // columns of the widest name so far
  Board::Time drawn_{};
};

}  // namespace

std::unique_ptr<engine::Observer> make_live_progress(Screen& screen, base::Clock& clock,
                                                     Verbosity verbosity) {
  return std::make_unique<LiveProgress>(screen, clock, verbosity);
}

}  // namespace presswork::report
