// A plan: a workflow with its parameters filled in, checked against the stages that exist, and put in order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/engine/estimate.h"
#include "orchestrator/engine/graph.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/workflow/override.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::engine {

struct Plan {
  workflow::Workflow workflow;
  std::string text;   // of the workflow file, so that a run can be resumed when the file has changed
  base::Json params;  // every parameter's value
  workflow::Overrides overrides;
  Graph graph;  // what is known before the run: all but the iterations of loops

  Plan() = default;
  Plan(Plan&&) = default;  // the graph points into the workflow's nodes, which a move leaves where they are
  Plan& operator=(Plan&&) = default;

  base::Json to_json() const;
};

// Throws Error{invalid_workflow, invalid_input}. `catalogue` must outlive the plan. `directory`: what
// relative paths in `given` are relative to.
Plan make_plan(std::string text, const std::filesystem::path& file, const base::Json& given,
               const std::filesystem::path& directory, const plugins::Catalogue& catalogue,
               workflow::Overrides overrides = {});

// The plan of a recorded run.
Plan restore_plan(const base::Json& json, const plugins::Catalogue& catalogue);

// What running the plan now would do, as far as it can be known before it.
struct Preview {
  std::string id;
  std::string uses;    // empty for what is no stage
  std::string kind;    // stage, decision, loop, select
  std::string action;  // run, cached, decide, loop, select, skip, unknown (what it needs is not known yet)
  std::string key;     // when it is known
  std::string why;     // "no checkpoint for this key", "waits for analyze", "decision limit chose no", …
  double seconds = 0;  // of the cached work
  // Of what would run: which parts of its key the workflow's last run had otherwise ("with.bits was 8, is
  // 4"), when `explain` is asked for and that run came to it.
  std::vector<std::string> changed;
  Estimate estimate;
  std::string estimate_by;            // "the stage itself", "run r3"; empty: nobody can tell
  bool is_open = false;               // a loop that would go on to iterations of which nothing is known yet
  std::optional<base::Error> misfit;  // why the run would be refused, by what it expects itself
};

// What a stage's plan() says of a run with these parameters and inputs.
using AskStage = std::function<Estimate(const Step& step, const base::Json& with,
                                        const std::map<std::string, executor::InputFile>& inputs)>;

struct PreviewOptions {
  bool explain = false;
  AskStage ask = {};  // called for one instance of each matrix only, whose answer stands for the others
  Limits limits = {};
};
std::vector<Preview> preview(const Plan& plan, store::Ledger& ledger, store::ArtifactStore& artifacts,
                             const PreviewOptions& options = {});

}  // namespace presswork::engine
