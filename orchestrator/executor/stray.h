// Finding and ending processes that a stage left behind.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace presswork::executor {

// Ends what is left of one attempt after its host was reaped: the host's process group, and descendants that
// left the group but were handed to this process, the reaper of orphans. `is_host` tells the hosts that still
// run from strays. Dead children that nobody knows are reaped on the way.
void end_leftovers(pid_t group, const std::string& attempt, const std::function<bool(pid_t)>& is_host);

}  // namespace presswork::executor
