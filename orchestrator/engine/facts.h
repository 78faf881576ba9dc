// Reading a run back from the ledger.
#pragma once

#include <string>

#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/run.h"

namespace presswork::engine {

// The state of every step as the ledger has it, with the iterations that loops made; pending where it has
// nothing.
struct RecordedRun {
  Graph graph;
  Instances instances;
};
RecordedRun read_run(const Plan& plan, store::Ledger& ledger, const std::string& run);

// All steps that `step` needs, directly or not, and those in the bodies of loops among them; by id, in the
// order of the graph.
std::vector<std::string> ancestors(const Graph& graph, std::size_t step);

std::vector<ChecklistResult> evaluate_checklist(const Standing& standing);

// [{"title", "check", "required", "state", "why"}]
base::Json to_json(const std::vector<ChecklistResult>& checklist);
std::vector<ChecklistResult> checklist_from(const base::Json& json);  // throws Json::exception

// run_facts() of run.h, with what is known already.
base::Json run_facts(const Standing& standing, store::Ledger& ledger, const std::string& run,
                     const std::vector<std::string>& only);

}  // namespace presswork::engine
