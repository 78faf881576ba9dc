// What `doctor` looks at.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

struct Check {
  std::string state;    // ok, warn, fail
  std::string subject;  // "machine", "plugins", …
  std::string finding;
  std::string advice;  // what to do; "" when it is ok
};

// None of them throws, and none makes a workspace where there is none.
std::vector<Check> check_machine();
std::vector<Check> check_plugins(Session& session);
std::vector<Check> check_workspace(Session& session);

// What the file system at `folder` can do: rename, sync, hard links, reflinks, notification of changes. Tried
// out in a folder made there for the purpose, and removed again.
std::vector<Check> check_file_system(const fs::path& folder);
Check check_space(const fs::path& path);
Check check_clock(std::chrono::system_clock::time_point now, const std::string& latest_record);

// The processes whose environment names one of these attempts.
std::vector<std::int64_t> processes_of(const std::set<std::string>& attempts);

}  // namespace presswork::cli
