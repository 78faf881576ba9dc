#include "orchestrator/engine/facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "orchestrator/engine/run.h"

namespace presswork::engine {

using base::Json;

namespace {

State state_from(const std::string& text) {
  for (State state : {State::running, State::succeeded, State::cached, State::failed, State::timed_out,
                      State::cancelled, State::skipped}) {
    if (text == to_string(state)) return state;
  }
  return State::pending;
}

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

std::vector<ChecklistResult> evaluate_checklist(const Plan& plan, const Instances& instances) {
  std::vector<ChecklistResult> results;
  for (const workflow::ChecklistItem& item : plan.workflow.checklist) {
    results.push_back(evaluate_item(item, values_of(plan, instances)));
  }
  return results;
}

}  // namespace

Instances read_instances(const Plan& plan, store::Ledger& ledger, const std::string& run) {
  Instances instances(plan.workflow.nodes.size());
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < instances.size(); ++i) index[plan.workflow.nodes[i].id] = i;
  for (const store::InstanceRow& row : ledger.instances(run)) {
    const auto found = index.find(row.id);
    if (found == index.end()) continue;
    Instance& instance = instances[found->second];
    instance.state = state_from(row.state);
    instance.cause = row.cause;
    if (is_good(instance.state) && !row.uses.empty()) instance.checkpoint = ledger.checkpoint(row.key);
  }
  for (const store::DecisionRow& row : ledger.decisions(run)) {
    const auto found = index.find(row.id);
    if (found == index.end()) continue;
    instances[found->second].branch = row.branch;
  }
  return instances;
}

std::vector<std::string> ancestors(const Plan& plan, std::size_t node) {
  std::set<std::size_t> found;
  std::vector<std::size_t> open = plan.needs[node];
  while (!open.empty()) {
    const std::size_t next = open.back();
    open.pop_back();
    if (found.insert(next).second) open.insert(open.end(), plan.needs[next].begin(), plan.needs[next].end());
  }
  std::vector<std::string> ids;
  for (std::size_t i : plan.order) {
    if (found.contains(i)) ids.push_back(plan.workflow.nodes[i].id);
  }
  return ids;
}

std::vector<ChecklistResult> evaluate_checklist(const Plan& plan, store::Ledger& ledger,
                                                const std::string& run) {
  return evaluate_checklist(plan, read_instances(plan, ledger, run));
}

Json run_facts(const Plan& plan, store::Ledger& ledger, const std::string& run,
               const std::vector<std::string>& only) {
  const auto wanted = [&](const std::string& id) {
    return only.empty() || std::find(only.begin(), only.end(), id) != only.end();
  };
  std::map<std::string, store::InstanceRow> rows;
  for (store::InstanceRow& row : ledger.instances(run)) rows.emplace(row.id, std::move(row));

  Json facts = {{"workflow", plan.workflow.name}, {"parameters", plan.params}};
  facts["instances"] = Json::array();
  for (std::size_t i : plan.order) {
    const workflow::Node& node = plan.workflow.nodes[i];
    const auto found = rows.find(node.id);
    if (node.stage() == nullptr || found == rows.end() || !wanted(node.id)) continue;
    const store::InstanceRow& row = found->second;
    const State state = state_from(row.state);
    // A cached stage tells the same as the run that did the work, so that a report of it can be cached too.
    Json instance = {
        {"id", row.id},       {"uses", row.uses}, {"state", is_good(state) ? "succeeded" : row.state},
        {"cause", row.cause}, {"with", row.with}, {"inputs", row.inputs}};
    if (const auto checkpoint = is_good(state) ? ledger.checkpoint(row.key) : std::nullopt) {
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
  facts["checklist"] = Json::array();
  Instances known = read_instances(plan, ledger, run);
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!wanted(plan.workflow.nodes[i].id)) known[i] = {};
  }
  for (const ChecklistResult& item : evaluate_checklist(plan, known)) {
    facts["checklist"].push_back({{"title", item.title},
                                  {"check", item.expression},
                                  {"required", item.required},
                                  {"state", item.state},
                                  {"why", item.why}});
  }
  return facts;
}

}  // namespace presswork::engine
