// Where the time of a long work goes: each moment belongs to one phase, so that the phases add up to all of
// it. For the thread that drives the work.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace presswork::modelkit {

class PhaseTimes {
 public:
  // From here to the end of the scope time belongs to `phase`, which may lie inside another.
  class Scope {
   public:
    Scope(PhaseTimes& times, const char* phase) : times_(times), outer_(times.enter(phase)) {}
    ~Scope() { times_.enter(outer_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseTimes& times_;
    const char* outer_;
  };

  // Seconds of each so far; "other" is what no scope covers.
  std::map<std::string, double> seconds() {
    enter(current_);
    return seconds_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  const char* enter(const char* phase) {
    const Clock::time_point now = Clock::now();
    seconds_[current_] += std::chrono::duration<double>(now - since_).count();
    since_ = now;
    return std::exchange(current_, phase);
  }

  std::map<std::string, double> seconds_;
  const char* current_ = "other";
  Clock::time_point since_ = Clock::now();
};

}  // namespace presswork::modelkit
