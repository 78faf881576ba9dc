// How fast something goes, and how long it will still take, from what it reports.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace presswork::report {

class Estimate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A new unit, a new total or less done than before starts over: the stage has begun another part.
  void update(double done, double total, const std::string& what, Time now);

  bool known() const { return total_ > 0; }
  double fraction() const;  // 0 to 1
  double done() const { return done_; }
  double total() const { return total_; }
  const std::string& what() const { return what_; }

  // Units a second, and the time left at that rate; nothing in the first second and before anything moved.
  std::optional<double> rate() const;
  std::optional<std::chrono::milliseconds> left(Time now) const;

 private:
  double first_ = 0, done_ = 0, total_ = 0;
  std::string what_;
  Time begun_{}, latest_{};
  bool started_ = false;
};

}  // namespace presswork::report
