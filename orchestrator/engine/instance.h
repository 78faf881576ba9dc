// What has become of each node of a plan in one run.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::engine {

enum class State { pending, running, succeeded, cached, failed, timed_out, cancelled, skipped };

std::string_view to_string(State state);
bool has_ended(State state);
bool is_good(State state);    // succeeded or cached
bool is_failed(State state);  // failed, timed_out or cancelled

struct Instance {
  State state = State::pending;
  std::string cause;                               // of failed and skipped
  std::string branch;                              // of a decision that was made
  std::optional<store::CheckpointRow> checkpoint;  // of a stage that is good
};

using Instances = std::vector<Instance>;  // by node index

// An input of a stage, bound to what another instance made.
struct BoundInput {
  std::string instance, output, type;
  std::string digest;  // empty for an instance's metrics until they are written down
};

// The names that expressions of this run may read; nothing for what was skipped or has no such metric.
workflow::ValueOf values_of(const Plan& plan, const Instances& instances);

// The stage's parameters: expressions evaluated, defaults filled in, relative input paths resolved against
// the workflow's folder, checked against the stage's schema. Throws Error{stage_failed} that names the
// parameter.
base::Json bind_parameters(const Plan& plan, std::size_t node, const Instances& instances);

// The names of the parameters in `with` that are paths of input files or folders.
std::vector<std::string> input_path_parameters(const plugins::StageDescription& stage,
                                               const base::Json& with);

// Each input's producer. An input whose producers were all skipped is left out.
std::map<std::string, BoundInput> bind_inputs(const Plan& plan, std::size_t node, const Instances& instances);

// Whether a node may start. Judged once all that it needs has ended.
//
// standard     nothing that it needs failed, every input exists, and at least one entry of `after:` is good
// all_success  every entry of `after:` and every producer of an input is good
// any_success  at least one of them is good
// all_done     always
// on_failure   at least one of them failed
//
// An entry `decision.branch` is good when that branch was chosen, and counts as skipped otherwise. With every
// rule but the standard one, inputs that the stage does not require may be missing.
struct Judgement {
  enum class Verdict { wait, run, skip } verdict;
  std::string cause;
};
Judgement judge(const Plan& plan, std::size_t node, const Instances& instances);

}  // namespace presswork::engine
