// How a run stands, from its events: what runs, what waits, how much is done, and how long the rest may take.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/event.h"
#include "orchestrator/report/estimate.h"

namespace presswork::report {

struct RunningStage {
  std::string instance, uses;
  Estimate::Time since;
  Estimate estimate;
  int attempt = 1;
  std::int64_t pid = 0;
  bool publishing = false;  // the stage itself is done; its results are being stored
};

// A stage that could run but for `what`: "cores", "memory", a token's name, or "" for its next attempt.
struct WaitingStage {
  std::string what;
  std::optional<Estimate::Time> until;  // of a retry
  int attempt = 1;                      // the next one
};

// A loop whose body runs: iteration 2 of at most 5.
struct OpenLoop {
  int iteration = 1, max = 0;  // 0: not said
};

struct Counts {
  std::size_t total = 0;  // stages known so far: a loop may bring more
  std::size_t kept = 0;   // by a resume, from before
  std::size_t succeeded = 0, cached = 0, failed = 0, skipped = 0, cancelled = 0;

  std::size_t done() const { return kept + succeeded + cached + failed + skipped; }
};

class Board {
 public:
  using Time = Estimate::Time;

  void follow(const engine::Event& event, Time now);

  const std::vector<RunningStage>& running() const { return running_; }  // in the order of their start
  const std::map<std::string, WaitingStage>& waiting() const { return waiting_; }
  const std::map<std::string, OpenLoop>& loops() const { return loops_; }
  const Counts& counts() const { return counts_; }
  std::optional<Time> begun() const { return begun_; }

  // Of the whole run: from what running stages say of themselves, and for the rest from how long stages took
  // so far and how many ran at once. Nothing where that would be a guess, as while a loop may go on.
  std::optional<std::chrono::milliseconds> left(Time now) const;

 private:
  void start(const engine::Event& event, Time now);
  void end(const engine::Event& event, Time now);
  std::optional<double> usual_seconds(const std::string& uses) const;

  struct Sum {
    double seconds = 0;
    std::size_t count = 0;
  };
  std::vector<RunningStage> running_;
  std::map<std::string, WaitingStage> waiting_;
  std::map<std::string, OpenLoop> loops_;
  Counts counts_;
  std::optional<Time> begun_;
  std::map<std::string, Sum> took_;  // by `uses`
  Sum took_in_all_;
  std::size_t announced_ = 0;
  std::size_t most_at_once_ = 0;
};

// "12/40 done", "3 running", …, the most useful first.
std::vector<std::string> count_words(const Board& board);

// "about 4 min": as coarse as it is sure.
std::string about(std::chrono::milliseconds time);

}  // namespace presswork::report
