#include "orchestrator/engine/run.h"

#include <spdlog/spdlog.h>

#include <set>

#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/named_steps.h"
#include "orchestrator/engine/runner.h"
#include "orchestrator/workflow/position.h"

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
  // Each works in a folder of its name, which a ledger that lost its last pages does not forget.
  const std::vector<std::string> folders = base::names_in(around.workspace.attempts());
  std::set<std::string> attempts(folders.begin(), folders.end());
  for (const store::AttemptRow& attempt : open) attempts.insert(attempt.id);
  executor::reap_strays(attempts);
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
  for (const std::string& name : folders) remove_or_warn(around.workspace.attempts() / name);
  // Scratch of work that is done; that of work which is not, a resume goes on with.
  for (const std::string& key : base::names_in(around.workspace.scratch(""))) {
    if (around.ledger.checkpoint(key)) remove_or_warn(around.workspace.scratch(key));
  }
}

namespace {

void refuse_what_cannot_fit(const Plan& plan, const Limits& limits) {
  workflow::Faults faults(ErrorCode::cannot_fit);
  for (Error& error : misfits(plan.workflow, limits)) faults.add(std::move(error));
  faults.throw_if_any();
}

void check_options(const Plan& plan, const RunOptions& options) {
  refuse_what_cannot_fit(plan, options.limits);
  check_forced(plan, options.force);
  check_until(plan, options.until);
}

}  // namespace

RunResult start_run(const Plan& plan, const Surroundings& surroundings, const RunOptions& options) {
  check_options(plan, options);
  clean_up(surroundings);
  store::RunRow row;
  row.workflow = plan.workflow.name;
  row.state = "running";
  row.plan = plan.to_json();
  row.plan["options"] = {{"use_cache", options.use_cache}, {"salt", options.salt}, {"force", options.force}};
  row.started = base::to_utc_string(surroundings.clock.now());
  surroundings.ledger.begin();  // durable at once, and with it what a session that died had yet to sync
  const std::string run = surroundings.ledger.create_run(row);
  store::set_aside_former_run(surroundings.workspace, run);
  surroundings.ledger.commit();
  return Runner(plan, run, surroundings, options).execute();
}

RunResult resume_run(const std::string& run, const Plan& plan, const Surroundings& surroundings,
                     const RunOptions& options) {
  check_options(plan, options);
  clean_up(surroundings);
  const auto row = surroundings.ledger.run(run);
  if (!row) throw Error(ErrorCode::not_found, "there is no run " + run, "see `presswork runs`");
  RunOptions resumed = options;
  if (const auto recorded = row->plan.find("options"); recorded != row->plan.end()) {
    resumed.use_cache = recorded->value("use_cache", true);
    resumed.salt = recorded->value("salt", "");
    resumed.force = recorded->value("force", std::vector<std::string>{});
  }
  surroundings.ledger.begin();  // likewise
  surroundings.ledger.set_run_state(run, "running", "", "");
  surroundings.ledger.commit();
  return Runner(plan, run, surroundings, resumed).execute();
}

}  // namespace presswork::engine
