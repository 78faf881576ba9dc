#include <chrono>
#include <cstdio>
#include <map>

#include "orchestrator/base/units.h"
#include "orchestrator/report/estimate.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds kEvery{10};

class PlainProgress : public engine::Observer {
 public:
  PlainProgress(Screen& screen, base::Clock& clock, Verbosity verbosity)
      : screen_(screen), clock_(clock), verbosity_(verbosity) {}

  void on_event(const engine::Event& event) override {
    if (event.kind == "stage_progress") return progress(event);
    if (event.kind == "stage_started") stages_[event.instance] = {};
    // A log file should tell what began, too: it may be all that is left of a machine that went down.
    const bool starts = event.kind == "stage_started" && verbosity_ == 0;
    print(event, describe(event, screen_.style(), starts ? 1 : verbosity_));
  }

 private:
  struct Seen {
    Estimate estimate;
    bool any = false;
    Time printed{};
  };

  void progress(const engine::Event& event) {
    if (verbosity_ < 0) return;
    const Time now = clock_.monotonic();
    Seen& seen = stages_[event.instance];
    Estimate& estimate = seen.estimate;
    estimate.update(event.data.value("done", 0.0), event.data.value("total", 0.0),
                    event.data.value("what", ""), now);
    // Silent at first, so that a short stage is two lines and no more.
    if (!seen.any) {
      seen.any = true;
      seen.printed = now;
    }
    if (now - seen.printed < kEvery) return;
    seen.printed = now;
    std::string text = one_line(event.instance) + " ";
    if (estimate.known()) {
      char percent[16];
      std::snprintf(percent, sizeof percent, "%.0f %% (", estimate.fraction() * 100);
      text += percent + format_number(estimate.done()) + "/" + format_number(estimate.total());
    } else {
      text += "(" + format_number(estimate.done());
    }
    if (!estimate.what().empty()) text += " " + one_line(estimate.what());
    text += ")";
    if (const auto left = estimate.left(now)) text += ", " + base::format_duration(*left) + " left";
    print(event, text);
  }

  void print(const engine::Event& event, const std::string& text) {
    if (text.empty()) return;
    std::string time = base::to_utc_string(event.time);
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
  std::map<std::string, Seen> stages_;
};

}  // namespace

std::unique_ptr<engine::Observer> make_plain_progress(Screen& screen, base::Clock& clock,
                                                      Verbosity verbosity) {
  return std::make_unique<PlainProgress>(screen, clock, verbosity);
}

}  // namespace presswork::report
