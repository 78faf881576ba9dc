#include "orchestrator/engine/run.h"

#include <spdlog/spdlog.h>

#include <set>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/engine/runner.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;

namespace {

// Only room is lost when it stays: the next start tries again.
void remove_or_warn(const std::filesystem::path& folder) {
  try {
    base::real_file_system().remove_all(folder);
  } catch (const Error& error) {
    spdlog::warn("{}; it is of no use any more, remove it when you can", error.message);
  }
}

}  // namespace

// The caller holds the lock, so nothing of it is alive by right.
void clean_up(const Surroundings& around) {
  const std::string now = base::to_utc_string(around.clock.now());
  const auto open = around.ledger.open_attempts();
  for (const store::AttemptRow& attempt : open) executor::reap_stray(attempt.id);
  std::set<std::string> dead;
  for (const store::RunRow& run : around.ledger.runs()) {
    if (run.state == "running") dead.insert(run.id);
  }
  if (!open.empty() || !dead.empty()) {
    around.ledger.begin();
    for (store::AttemptRow attempt : open) {
      attempt.outcome = "interrupted";
      attempt.message = "the orchestrator died while it ran";
      attempt.ended = now;
      around.ledger.put(attempt);
    }
    for (const std::string& run : dead) {
      around.ledger.set_run_state(run, "interrupted", "", "the orchestrator died");
    }
    around.ledger.commit();
  }
  around.artifacts.sweep();
  base::FileSystem& files = base::real_file_system();
  const auto names_in = [&](const std::filesystem::path& folder) {
    return files.status(folder) ? files.list(folder) : std::vector<std::string>{};
  };
  for (const std::string& name : names_in(around.workspace.attempts())) {
    remove_or_warn(around.workspace.attempts() / name);
  }
  // Scratch of work that is done; that of work which is not, a resume goes on with.
  for (const std::string& key : names_in(around.workspace.scratch(""))) {
    if (around.ledger.checkpoint(key)) remove_or_warn(around.workspace.scratch(key));
  }
}

namespace {

void refuse_what_cannot_fit(const Plan& plan, const Limits& limits) {
  for (const workflow::Node& node : plan.workflow.nodes) {
    if (node.stage() == nullptr || limits.memory == 0) continue;
    const auto wanted = node.stage()->resources.memory;
    if (!wanted || *wanted <= limits.memory) continue;
    throw Error(ErrorCode::cannot_fit,
                "stage " + node.id + " asks for " + base::format_bytes(*wanted) +
                    " of memory, and the limit is " + base::format_bytes(limits.memory),
                "lower resources.memory of the stage, raise --memory, or use a larger machine", node.where);
  }
}

}  // namespace

RunResult start_run(const Plan& plan, const Surroundings& surroundings, const RunOptions& options) {
  refuse_what_cannot_fit(plan, options.limits);
  clean_up(surroundings);
  store::RunRow row;
  row.workflow = plan.workflow.name;
  row.state = "running";
  row.plan = plan.to_json();
  row.plan["options"] = {{"use_cache", options.use_cache}, {"salt", options.salt}};
  row.started = base::to_utc_string(surroundings.clock.now());
  surroundings.ledger.begin();
  const std::string run = surroundings.ledger.create_run(row);
  surroundings.ledger.commit();
  return Runner(plan, run, surroundings, options).execute();
}

RunResult resume_run(const std::string& run, const Plan& plan, const Surroundings& surroundings,
                     const RunOptions& options) {
  refuse_what_cannot_fit(plan, options.limits);
  clean_up(surroundings);
  const auto row = surroundings.ledger.run(run);
  if (!row) throw Error(ErrorCode::not_found, "there is no run " + run, "see `presswork runs`");
  RunOptions resumed = options;
  if (const auto recorded = row->plan.find("options"); recorded != row->plan.end()) {
    resumed.use_cache = recorded->value("use_cache", true);
    resumed.salt = recorded->value("salt", "");
  }
  surroundings.ledger.begin();
  surroundings.ledger.set_run_state(run, "running", "", "");
  surroundings.ledger.commit();
  return Runner(plan, run, surroundings, resumed).execute();
}

}  // namespace presswork::engine
