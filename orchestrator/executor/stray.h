// Finding and ending processes that a stage left behind.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace presswork::executor {

// Who else is there when an attempt's leftovers are looked for.
struct Neighbours {
  std::function<bool(pid_t)> is_host;  // hosts that still run, and fork servers
  // No other attempt runs, and this process has children only through the executor. Then a process that was
  // handed over to it, but wiped its environment and left its session, can be of nobody else.
  bool alone = false;
};

// Ends what is left of one attempt after its host was reaped: the host's process group, and descendants that
// left the group but were handed to this process, the reaper of orphans. Dead children that nobody knows are
// reaped on the way.
void end_leftovers(pid_t group, const std::string& attempt, const Neighbours& neighbours);

// Whether this process has any child, dead or alive.
bool has_children();

}  // namespace presswork::executor
