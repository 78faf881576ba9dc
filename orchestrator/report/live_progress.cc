#include <algorithm>
#include <chrono>

#include "orchestrator/base/units.h"
#include "orchestrator/report/estimate.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr milliseconds kRedraw{100};

struct Running {
  std::string instance, uses;
  Time since;
  Estimate estimate;
  std::string phase;  // "storing results" once the stage itself is done
};

std::string bar(double fraction, std::size_t width, const Style& style) {
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(width) + 1e-9);
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += i < full ? style.glyph("█", "#") : style.glyph("░", ".");
  return style.unicode ? out : "[" + out + "]";
}

// "1,240/2,000 tokens"
std::string count(const Estimate& estimate) {
  std::string out = format_number(estimate.done());
  if (estimate.known()) out += "/" + format_number(estimate.total());
  if (!estimate.what().empty()) out += " " + one_line(estimate.what());
  return out;
}

class LiveProgress : public engine::Observer {
 public:
  LiveProgress(Screen& screen, base::Clock& clock, Verbosity verbosity)
      : screen_(screen), clock_(clock), verbosity_(verbosity) {}

  ~LiveProgress() override { screen_.clear_live(); }

  void on_event(const engine::Event& event) override {
    const Time now = clock_.monotonic();
    follow(event, now);
    const std::string text = describe(event, screen_.style(), verbosity_);
    if (event.kind == "run_ended") return screen_.clear_live();
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
  void follow(const engine::Event& event, Time now) {
    const std::string& kind = event.kind;
    const auto it = std::find_if(running_.begin(), running_.end(),
                                 [&](const Running& stage) { return stage.instance == event.instance; });
    if (kind == "stage_started") {
      if (it != running_.end()) running_.erase(it);
      running_.push_back({event.instance, event.data.value("uses", ""), now, {}, {}});
    } else if (it == running_.end()) {
      return;
    } else if (kind == "stage_progress") {
      it->estimate.update(event.data.value("done", 0.0), event.data.value("total", 0.0),
                          event.data.value("what", ""), now);
    } else if (kind == "stage_publishing") {
      it->phase = "storing results";
    } else if (kind == "stage_succeeded" || kind == "stage_failed" || kind == "stage_cancelled") {
      running_.erase(it);
    }
  }

  void redraw(Time now) {
    if (verbosity_ < 0 || now - drawn_ < kRedraw) return;
    drawn_ = now;
    screen_.set_live(lines(now));
  }

  std::vector<std::string> lines(Time now) const {
    std::vector<std::string> out;
    if (verbosity_ < 0) return out;
    std::size_t name = 0;
    for (const Running& stage : running_) name = std::max(name, display_width(one_line(stage.instance)));
    for (const Running& stage : running_)
      out.push_back(line(stage, std::clamp<std::size_t>(name, 8, 28), now));
    return out;
  }

  // The parts in order of appearance; those of least use are left out until the rest fits.
  std::string line(const Running& stage, std::size_t name, Time now) const {
    const Style& style = screen_.style();
    const Estimate& estimate = stage.estimate;
    struct Part {
      std::string text;
      int use;  // the smallest goes first
    };
    std::vector<Part> parts;
    parts.push_back({style.glyph("▸ ", "> ") + pad_right(truncate(one_line(stage.instance), name), name), 9});
    if (!stage.phase.empty()) {
      parts.push_back({stage.phase, 5});
    } else if (estimate.known()) {
      char percent[8];
      std::snprintf(percent, sizeof percent, "%3.0f %%", estimate.fraction() * 100);
      parts.push_back({bar(estimate.fraction(), 20, style), 4});
      parts.push_back({percent, 8});
    }
    if (stage.phase.empty() && (estimate.known() || estimate.done() > 0)) {
      parts.push_back({count(estimate), 3});
      if (const auto rate = estimate.rate()) parts.push_back({format_number(*rate) + "/s", 2});
      if (const auto left = estimate.left(now)) parts.push_back({base::format_duration(*left) + " left", 6});
    }
    parts.push_back({base::format_duration(std::chrono::duration_cast<milliseconds>(now - stage.since)), 7});
    parts.push_back({style.dim(one_line(stage.uses)), 1});
    const auto width = static_cast<std::size_t>(std::max(screen_.size().columns - 1, 1));
    for (;;) {
      std::string text;
      for (const Part& part : parts) text += (text.empty() ? "" : "  ") + part.text;
      if (display_width(text) <= width || parts.size() == 1) return text;
      parts.erase(std::min_element(parts.begin(), parts.end(),
                                   [](const Part& a, const Part& b) { return a.use < b.use; }));
    }
  }

  Screen& screen_;
  base::Clock& clock_;
  Verbosity verbosity_;
  std::vector<Running> running_;  // in the order of their start
  Time drawn_{};
};

}  // namespace

std::unique_ptr<engine::Observer> make_live_progress(Screen& screen, base::Clock& clock,
                                                     Verbosity verbosity) {
  return std::make_unique<LiveProgress>(screen, clock, verbosity);
}

}  // namespace presswork::report
