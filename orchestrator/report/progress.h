// Observers that show a run to a person.
#pragma once

#include <memory>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/engine/event.h"
#include "orchestrator/report/event_text.h"
#include "orchestrator/report/screen.h"

namespace presswork::report {

// For a terminal: one line a running stage, drawn over itself at most ten times a second, with bar, count,
// rate, time left and time taken, as far as they fit; a line for the whole run below them; and one line that
// stays for each stage that ended. `screen` and `clock` must outlive it.
std::unique_ptr<engine::Observer> make_live_progress(Screen& screen, base::Clock& clock, Verbosity verbosity);

// For a pipe or a log file: a line with the time (UTC) for all that starts and ends, each stage's progress at
// most every ten seconds, and the run's every minute.
std::unique_ptr<engine::Observer> make_plain_progress(Screen& screen, base::Clock& clock,
                                                      Verbosity verbosity);

// Tells several; none of them is owned.
class Fanout : public engine::Observer {
 public:
  explicit Fanout(std::vector<engine::Observer*> observers) : observers_(std::move(observers)) {}
  void on_event(const engine::Event& event) override {
    for (auto* observer : observers_) observer->on_event(event);
  }
  void on_events(std::span<const engine::Event> events) override {
    for (auto* observer : observers_) observer->on_events(events);
  }
  void on_tick() override {
    for (auto* observer : observers_) observer->on_tick();
  }

 private:
  std::vector<engine::Observer*> observers_;
};

}  // namespace presswork::report
