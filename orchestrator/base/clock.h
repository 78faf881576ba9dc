// Time as a seam: tests replace it.
#pragma once

#include <chrono>
#include <string>

namespace presswork::base {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::system_clock::time_point now() const = 0;      // for people and records
  virtual std::chrono::steady_clock::time_point monotonic() const = 0;  // for durations and deadlines
};

Clock& system_clock();

// "2026-11-22T07:36:49.123Z" (UTC, milliseconds).
std::string to_utc_string(std::chrono::system_clock::time_point time);

}  // namespace presswork::base
