// Runs that are going on at this moment, perhaps in another process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

// Tells whether a run still goes on, to somebody who follows it. A look costs a query and two small files.
class LiveRun {
 public:
  LiveRun(Session& session, std::string run) : session_(session), run_(std::move(run)) {}

  // Before reading what it wrote: then nothing is missed that it wrote before its end. `said_its_end`: the
  // follower has seen the run's last words; a process that has ended the run needs a moment for them.
  bool goes_on(bool said_its_end);

 private:
  Session& session_;
  std::string run_;
  int patience_ = 20;  // looks
};

// What /proc tells of a process group.
struct GroupFacts {
  std::uint64_t resident_bytes = 0;
  int processes = 0;
};
GroupFacts group_facts(std::int64_t group);

// How long to wait between two looks, in milliseconds.
constexpr int kLook = 500;

}  // namespace presswork::cli
