#include "orchestrator/report/summary_loops.h"

#include <map>

#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/instance_id.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

bool is_good(const NodeSummary& node) { return store::has_result(node.state); }

NodeSummary pending(const engine::Step& step) {
  NodeSummary node;
  node.id = step.id;
  node.uses = step.node->stage() == nullptr ? "" : step.node->stage()->uses;
  node.kind = engine::kind_of(*step.node);
  node.state = "pending";
  return node;
}

std::string whole(double number) { return format_integer(static_cast<long long>(number)); }

// "the best of 12": of how many, the constraint left over.
std::string choice_of(const store::DecisionRow& decision) {
  const Json candidates = value_of(decision.inputs, "candidates");
  if (!candidates.is_object() || candidates.size() < 2) return {};
  const Json value = value_of(candidates, decision.branch.c_str());
  return std::string(value.is_null() ? "the first of " : "the best of ") +
         whole(static_cast<double>(candidates.size()));
}

std::string outcome_of(const Json& metrics) {
  const std::string iteration = whole(number_of(metrics, "iteration"));
  if (text_of(metrics, "outcome") == "break") return "done with iteration " + iteration;
  return "took iteration " + iteration + " of " + whole(number_of(metrics, "iterations")) +
         ", where its limit is";
}

void pass_on(NodeSummary& node, const store::InstanceRow& row) {
  if (const Json metrics = value_of(row.with, "metrics"); metrics.is_object()) node.metrics = metrics;
  if (!row.inputs.is_object()) return;
  for (const auto& [name, output] : row.inputs.items())
    node.outputs[name] = {text_of(output, "type"), text_of(output, "digest"), {}, 0};
}

// The headlines that stages declare are headlines of what passes them on, too.
void add_headlines(std::vector<NodeSummary>& nodes) {
  std::map<std::string, std::string> units;
  for (const NodeSummary& node : nodes) {
    for (const Metric& metric : node.headlines) units.emplace(metric.name, metric.unit);
  }
  for (NodeSummary& node : nodes) {
    if (!node.uses.empty()) continue;
    for (const auto& [name, value] : node.metrics.items()) {
      if (const auto unit = units.find(name); unit != units.end())
        node.headlines.push_back({name, unit->second, value});
    }
  }
}

}  // namespace

std::vector<NodeSummary> in_order_of(const engine::Plan& plan, std::vector<NodeSummary> nodes) {
  std::map<std::string, NodeSummary> planned;
  std::map<std::string, std::vector<NodeSummary>> bodies;  // by outermost loop
  for (NodeSummary& node : nodes) {
    if (const std::string loop = outermost_loop_of(node.id); loop.empty())
      planned.emplace(node.id, std::move(node));
    else
      bodies[loop].push_back(std::move(node));
  }
  std::vector<NodeSummary> ordered;
  const auto add_body = [&](std::vector<NodeSummary>& body) {
    for (NodeSummary& node : body) ordered.push_back(std::move(node));
  };
  for (const engine::Step& step : plan.graph.steps()) {
    const auto known = planned.extract(step.id);
    ordered.push_back(known.empty() ? pending(step) : std::move(known.mapped()));
    if (const auto body = bodies.extract(step.id); !body.empty()) add_body(body.mapped());
  }
  for (auto& [id, node] : planned) ordered.push_back(std::move(node));
  for (auto& [loop, body] : bodies) add_body(body);
  return ordered;
}

std::vector<const NodeSummary*> single_nodes(const std::vector<NodeSummary>& nodes) {
  std::map<std::string, std::size_t> sizes;
  for (const NodeSummary& node : nodes) ++sizes[pattern_of(node.id)];
  std::vector<const NodeSummary*> single;
  for (const NodeSummary& node : nodes) {
    if (sizes[pattern_of(node.id)] == 1) single.push_back(&node);
  }
  return single;
}

void add_choices(std::vector<NodeSummary>& nodes, const std::string& run, store::Ledger& ledger) {
  std::map<std::string, store::DecisionRow> decisions;
  std::map<std::string, int> iterations;
  for (store::DecisionRow& row : ledger.decisions(run)) decisions[row.id] = std::move(row);
  for (const store::IterationRow& row : ledger.iterations(run)) iterations[row.loop] = row.number;
  for (NodeSummary& node : nodes) {
    const auto decision = decisions.find(node.id);
    if (decision != decisions.end()) node.branch = decision->second.branch;
    if (node.kind != "select" && node.kind != "loop") continue;
    if (node.kind == "loop" && node.state == "running" && iterations.contains(node.id))
      node.result = "in iteration " + whole(iterations[node.id]);
    const auto row = is_good(node) ? ledger.instance(run, node.id) : std::nullopt;
    if (!row) continue;
    pass_on(node, *row);
    if (node.kind == "loop") {
      node.seconds = seconds_between(row->started, row->ended);
      node.result = outcome_of(node.metrics);
    } else if (decision != decisions.end()) {
      node.result = choice_of(decision->second);
    }
  }
  add_headlines(nodes);
}

}  // namespace presswork::report
