#include "orchestrator/cli/live_run.h"

#include <unistd.h>

#include <cstdlib>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"

namespace presswork::cli {

bool LiveRun::goes_on(bool said_its_end) {
  const auto row = session_.ledger().run(run_);
  const bool held = store::lock_holder(session_.workspace()).has_value();
  if (!row || !held) return false;
  if (row->state == "running") return true;
  return !said_its_end && --patience_ > 0;
}

GroupFacts group_facts(std::int64_t group) {
  GroupFacts facts;
  if (group <= 0) return facts;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc", none)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string stat;
    try {
      stat = base::real_file_system().read(entry.path() / "stat");
    } catch (const base::Error&) {
      continue;  // it has ended meanwhile
    }
    // proc(5): pid (name) state ppid pgrp …; field 24 is the resident set in pages.
    std::size_t at = stat.rfind(')');
    long long pgrp = 0, resident = 0;
    for (int field = 3; field <= 24 && at != std::string::npos; ++field) {
      at = stat.find(' ', at + 1);
      if (at == std::string::npos) break;
      if (field == 5) pgrp = std::strtoll(stat.c_str() + at, nullptr, 10);
      if (field == 24) resident = std::strtoll(stat.c_str() + at, nullptr, 10);
    }
    if (pgrp != group || resident < 0) continue;
    ++facts.processes;
    facts.resident_bytes += static_cast<std::uint64_t>(resident) * page;
  }
  return facts;
}

}  // namespace presswork::cli
