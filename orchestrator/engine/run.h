// One execution of a plan: starts what is ready, commits what is finished, releases what waits for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/engine/event.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/store/workspace.h"

namespace presswork::engine {

// How often the user asked to stop: 0 go on; 1 stop children cleanly, start nothing new; 2 or more kill.
// Set from a signal handler (then Executor::wake()).
using StopRequest = std::atomic<int>;

struct Surroundings {
  store::Workspace workspace;
  store::Ledger& ledger;
  store::ArtifactStore& artifacts;
  executor::Executor& executor;
  base::Clock& clock;
  Observer& observer;
  const StopRequest& stop;
};

struct RunOptions {
  Limits limits;
  bool use_cache = true;  // false: run every stage again (results are still recorded)
  bool rehash = false;    // hash inputs outside the store again, whatever stat says
  std::string salt;       // part of every cache key
  // What is run whatever the cache has, and what alone is run with all that it needs (all when empty): as
  // instances are spelled (instance_name.h).
  std::vector<std::string> force = {}, until = {};
  // Digest of all that was asked, for repeat_run(): everything that what becomes of the run depends on, but
  // the ledger, the store, and the contents of files that stages name as inputs. Empty: not to be remembered.
  std::string question = {};
};

struct ChecklistResult {
  std::string title, expression;
  bool required = false;
  std::string state;  // pass, fail, not_run
  std::string why;    // "quality.metrics.perplexity = 31.9, baseline… = 28.8"
};

struct RunResult {
  std::string run;
  std::string state;                // succeeded, failed, interrupted, partial (as far as `until` said)
  std::vector<std::string> failed;  // instances
  bool stage_failed = false;        // one of them is a stage, which may do better when it is run again
  bool cannot_fit = false;          // one of them needs more than there is
  std::vector<ChecklistResult> checklist;
  store::InstancesWithCheckpoints instances = {};  // of a run that was repeated, in the plan's order
};

// Removes what runs that died left behind: processes, open attempts, work folders. The caller holds the
// workspace lock. start_run() and resume_run() begin with it.
void clean_up(const Surroundings& surroundings);

// Holds the workspace lock while it runs: the caller acquires it before. First cleans up after runs that
// died.
RunResult start_run(const Plan& plan, const Surroundings& surroundings, const RunOptions& options);

// The run that start_run() would make, where that would take everything from the cache and has been seen to
// before: the last run that asked `question` succeeded, and all that it rests on is as it was then. Recorded
// and told as start_run() does it, but without making a plan, looking at each stage, or a time in which it is
// half recorded. Nothing, and nothing done, otherwise: then the run has to be made. Only runs of nothing but
// stages are remembered, and of stages that neither read the run nor run each time.
std::optional<RunResult> repeat_run(const std::string& question, const Surroundings& surroundings);

// Goes on with a recorded run: what is committed is kept, decisions are replayed, the rest is run.
RunResult resume_run(const std::string& run, const Plan& plan, const Surroundings& surroundings,
                     const RunOptions& options);

// The checklist against what the ledger holds of a run.
std::vector<ChecklistResult> evaluate_checklist(const Plan& plan, store::Ledger& ledger,
                                                const std::string& run);

// What a stage that reads the run is told (stage_abi.h, "presswork.run"): the run's instances with
// parameters, metrics, inputs, outputs and times. `only`: these instances, or all when empty.
base::Json run_facts(const Plan& plan, store::Ledger& ledger, const std::string& run,
                     const std::vector<std::string>& only = {});

// `presswork call`: one stage without workflow, ledger or store.
struct CallRequest {
  base::Json with = base::Json::object();
  std::map<std::string, std::filesystem::path> inputs;
  std::filesystem::path out;  // outputs end up at out/<name>[.ext]; created when missing
  std::uint64_t seed = 0;
  int cores = 1;
  base::Json run_facts;
};
struct CallResult {
  executor::Outcome outcome;
  std::map<std::string, std::filesystem::path> outputs;
};
// Throws Error{invalid_input} for parameters and inputs that do not fit the stage's description.
CallResult call_stage(const plugins::StageDescription& stage, const CallRequest& request,
                      executor::Executor& executor, Observer& observer, base::Clock& clock,
                      const StopRequest& stop);

}  // namespace presswork::engine
