#include "orchestrator/engine/facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "orchestrator/engine/binding.h"
#include "orchestrator/engine/loop_state.h"
#include "orchestrator/engine/run.h"

namespace presswork::engine {

using base::Json;

namespace {

Json outputs_json(const std::map<std::string, store::OutputRow>& outputs) {
  Json json = Json::object();
  for (const auto& [name, output] : outputs) json[name] = {{"type", output.type}, {"digest", output.digest}};
  return json;
}

ChecklistResult evaluate_item(const workflow::ChecklistItem& item, const workflow::ValueOf& value_of) {
  ChecklistResult result{item.title, item.expression.text(), item.required, "not_run", ""};
  for (const workflow::Name& name : item.expression.names()) {
    const auto value = value_of(name);
    if (!result.why.empty()) result.why += ", ";
    result.why += name.text() + (value ? " = " + value->dump() : " does not exist in this run");
  }
  try {
    const Json value = item.expression.evaluate(value_of);
    result.state = value == Json(true) ? "pass" : "fail";
  } catch (const base::Error& error) {
    if (result.why.empty()) result.why = error.message;
  }
  return result;
}

bool is_inside(const Graph& graph, std::size_t step, std::size_t loop) {
  for (std::uint32_t scope = graph[step].scope; scope != StepScope::none; scope = graph.scope(scope).outer) {
    if (graph.scope(scope).loop == loop) return true;
  }
  return false;
}

// The iterations that the ledger has, in the order in which they were made.
void add_iterations(Graph& graph, store::Ledger& ledger, const std::string& run) {
  std::vector<store::IterationRow> rows = ledger.iterations(run);
  for (bool added = true; added;) {  // a loop inside of another one is there once its iteration is
    added = false;
    for (store::IterationRow& row : rows) {
      const std::size_t loop = row.number == 0 ? graph.size() : graph.find(row.loop);
      if (loop == graph.size() || graph[loop].node->loop() == nullptr) continue;
      LoopState state = loop_state_from(row.state);
      graph.add_iteration(static_cast<std::uint32_t>(loop), row.number, std::move(state.values),
                          std::move(state.artifacts));
      row.number = 0;
      added = true;
    }
  }
}

}  // namespace

RecordedRun read_run(const Plan& plan, store::Ledger& ledger, const std::string& run) {
  RecordedRun recorded;
  recorded.graph = plan.graph;
  add_iterations(recorded.graph, ledger, run);
  recorded.instances = Instances(recorded.graph.size(), &ledger);
  for (const store::InstanceBrief& row : ledger.instance_briefs(run)) {
    const std::size_t step = recorded.graph.find(row.id);
    if (step == recorded.graph.size()) continue;
    Instance& instance = recorded.instances[step];
    instance.state = state_from(row.state);
    instance.cause = row.cause;
    instance.key = row.key;
    instance.serial = row.checkpoint;
    const workflow::Node& node = *recorded.graph[step].node;
    if (!is_good(instance.state) || (node.loop() == nullptr && node.select() == nullptr)) continue;
    if (const auto whole = ledger.instance(run, row.id)) {
      instance.outputs = bound_inputs_from(whole->inputs);
      instance.values = whole->with;
    }
  }
  for (const store::DecisionRow& row : ledger.decisions(run)) {
    const std::size_t step = recorded.graph.find(row.id);
    if (step != recorded.graph.size()) recorded.instances[step].branch = row.branch;
  }
  return recorded;
}

std::vector<std::string> ancestors(const Graph& graph, std::size_t step) {
  std::vector<bool> found(graph.size(), false);
  std::vector<std::size_t> open(graph[step].needs.begin(), graph[step].needs.end());
  std::vector<std::size_t> loops;
  while (!open.empty()) {
    const std::size_t next = open.back();
    open.pop_back();
    if (found[next]) continue;
    found[next] = true;
    if (graph[next].node->loop() != nullptr) loops.push_back(next);
    open.insert(open.end(), graph[next].needs.begin(), graph[next].needs.end());
  }
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const bool in_loop = !found[i] && std::any_of(loops.begin(), loops.end(), [&](std::size_t loop) {
      return is_inside(graph, i, loop);
    });
    if (found[i] || in_loop) ids.push_back(graph[i].id);
  }
  return ids;
}

std::vector<ChecklistResult> evaluate_checklist(const Standing& standing) {
  std::vector<ChecklistResult> results;
  const workflow::ValueOf value_of = values_of(standing, standing.graph.place_in(0));
  for (const workflow::ChecklistItem& item : standing.plan.workflow.checklist) {
    results.push_back(evaluate_item(item, value_of));
  }
  return results;
}

Json to_json(const std::vector<ChecklistResult>& checklist) {
  Json json = Json::array();
  for (const ChecklistResult& item : checklist) {
    json.push_back({{"title", item.title},
                    {"check", item.expression},
                    {"required", item.required},
                    {"state", item.state},
                    {"why", item.why}});
  }
  return json;
}

std::vector<ChecklistResult> checklist_from(const Json& json) {
  std::vector<ChecklistResult> checklist;
  for (const Json& item : json) {
    checklist.push_back({item.at("title").get<std::string>(), item.at("check").get<std::string>(),
                         item.at("required").get<bool>(), item.at("state").get<std::string>(),
                         item.at("why").get<std::string>()});
  }
  return checklist;
}

std::vector<ChecklistResult> evaluate_checklist(const Plan& plan, store::Ledger& ledger,
                                                const std::string& run) {
  const RecordedRun recorded = read_run(plan, ledger, run);
  return evaluate_checklist({plan, recorded.graph, recorded.instances});
}

Json run_facts(const Plan& plan, store::Ledger& ledger, const std::string& run,
               const std::vector<std::string>& only) {
  const RecordedRun recorded = read_run(plan, ledger, run);
  return run_facts({plan, recorded.graph, recorded.instances}, ledger, run, only);
}

Json run_facts(const Standing& standing, store::Ledger& ledger, const std::string& run,
               const std::vector<std::string>& only) {
  const std::set<std::string> names(only.begin(), only.end());
  const auto wanted = [&](const std::string& id) { return names.empty() || names.contains(id); };
  std::map<std::string, store::InstanceRow> rows;
  for (store::InstanceRow& row : ledger.instances(run)) {
    if (wanted(row.id)) rows.emplace(row.id, std::move(row));
  }
  Json facts = {{"workflow", standing.plan.workflow.name}, {"parameters", standing.plan.params}};
  facts["instances"] = Json::array();
  Instances known(standing.graph.size());
  for (std::size_t i = 0; i < standing.graph.size(); ++i) {
    const Step& step = standing.graph[i];
    if (!wanted(step.id)) continue;
    known[i] = standing.instances[i];
    const store::CheckpointRow* checkpoint = standing.instances.checkpoint(i);
    if (checkpoint != nullptr) known[i].checkpoint = *checkpoint;
    const auto found = rows.find(step.id);
    if (step.stage == nullptr || found == rows.end()) continue;
    const store::InstanceRow& row = found->second;
    const State state = state_from(row.state);
    // A cached stage tells the same as the run that did the work, so that a report of it can be cached too.
    Json instance = {
        {"id", row.id},       {"uses", row.uses}, {"state", is_good(state) ? "succeeded" : row.state},
        {"cause", row.cause}, {"with", row.with}, {"inputs", row.inputs}};
    if (checkpoint != nullptr) {
      instance["metrics"] = checkpoint->metrics;
      instance["outputs"] = outputs_json(checkpoint->outputs);
      instance["seconds"] = checkpoint->seconds;
      instance["peak_memory_bytes"] = checkpoint->peak_memory_bytes;
    }
    facts["instances"].push_back(std::move(instance));
  }
  facts["decisions"] = Json::array();
  for (const store::DecisionRow& row : ledger.decisions(run)) {
    if (wanted(row.id)) {
      facts["decisions"].push_back({{"id", row.id}, {"branch", row.branch}, {"inputs", row.inputs}});
    }
  }
  facts["checklist"] = to_json(evaluate_checklist({standing.plan, standing.graph, known}));
  return facts;
}

}  // namespace presswork::engine
