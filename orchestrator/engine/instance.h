// What has become of each step of a graph in one run.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/engine/graph.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::engine {

enum class State { pending, running, succeeded, cached, failed, timed_out, cancelled, skipped };

std::string_view to_string(State state);
State state_from(std::string_view text);  // pending for what is none
bool has_ended(State state);
bool is_good(State state);    // succeeded or cached
bool is_failed(State state);  // failed, timed_out or cancelled

struct Instance {
  State state = State::pending;
  std::string cause;                               // of failed and skipped
  std::string branch;                              // of a decision that was made
  std::string key;                                 // of a stage that is good
  std::int64_t serial = 0;                         // likewise, of its checkpoint; see Ledger::checkpoint()
  std::optional<store::CheckpointRow> checkpoint;  // likewise, once it was asked for: Instances::checkpoint()
  // Of a loop or selection that is good: what it offers. `values` is {"metrics", "state" or "matrix"}.
  std::map<std::string, BoundInput> outputs;
  base::Json values;
};

// By step. Checkpoints are read when they are asked for, so that a run of very many instances is resumed
// without reading what nobody needs.
class Instances {
 public:
  // `ledger`: where checkpoints are read from; none are without it.
  explicit Instances(std::size_t size = 0, store::Ledger* ledger = nullptr) : all_(size), ledger_(ledger) {}

  std::size_t size() const { return all_.size(); }
  void resize(std::size_t size) { all_.resize(size); }
  Instance& operator[](std::size_t step) { return all_[step]; }
  const Instance& operator[](std::size_t step) const { return all_[step]; }

  // Null when the step is no stage that is good.
  const store::CheckpointRow* checkpoint(std::size_t step) const;

 private:
  mutable std::deque<Instance> all_;
  store::Ledger* ledger_;
};

// Where a run stands: all that expressions and inputs are read from. One thread.
struct Standing {
  const Plan& plan;
  const Graph& graph;
  const Instances& instances;
};

// The names that expressions at a place may read; nothing for what was skipped or has no such metric. Of many
// instances it is the list of the values of those that are good.
workflow::ValueOf values_of(const Standing& standing, const Place& place);

// The stage's parameters: expressions evaluated, defaults filled in, relative input paths resolved against
// the workflow's folder, checked against the stage's schema. Throws Error{stage_failed} that names the
// parameter.
base::Json bind_parameters(const Standing& standing, std::size_t step);

// The names of the parameters in `with` that are paths of input files or folders. An empty one names none.
std::vector<std::string> input_path_parameters(const plugins::StageDescription& stage,
                                               const base::Json& with);

// What the output of that name at a place is: one for each instance that has it.
std::vector<BoundInput> find_output(const Standing& standing, const Place& place,
                                    const workflow::OutputName& name);

// Each input's producer. An input whose producers were all skipped is left out; many instances are bound as
// name[0], name[1], … in the order of the matrix.
std::map<std::string, BoundInput> bind_inputs(const Standing& standing, std::size_t step);

// The first candidate that has it; nothing when none has.
std::optional<BoundInput> bind_input(const Standing& standing, const Place& place,
                                     const workflow::Input& input);

// What a loop or selection offers, read at a place. Throws Error{stage_failed} when something is missing.
std::map<std::string, BoundInput> bind_exports(const Standing& standing, const Place& place,
                                               const workflow::Exports& exports, base::Json& metrics);

// A stage that failed for good, and whose workflow goes on as if it had been skipped.
bool is_tolerated(const Step& step, const Instance& instance);

// Whether a step may start. Judged once all that it needs has ended.
//
// standard     nothing that it needs failed, every input exists, and at least one entry of `after:` is good
// all_success  every entry of `after:` and every producer of an input is good
// any_success  at least one of them is good
// all_done     always
// on_failure   at least one of them failed
//
// An entry `decision.branch` is good when that branch was chosen, and counts as skipped otherwise; so does a
// stage that failed with `on_failure: continue`. With every rule but the standard one, inputs that the stage
// does not require may be missing. A selection starts when one of the instances that it picks from is good.
struct Judgement {
  enum class Verdict { wait, run, skip } verdict;
  std::string cause;
};
Judgement judge(const Standing& standing, std::size_t step);

}  // namespace presswork::engine
