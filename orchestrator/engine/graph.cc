#include "orchestrator/engine/graph.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/instance_name.h"
#include "orchestrator/workflow/need_graph.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

std::string_view kind_of(const workflow::Node& node) {
  return node.stage() != nullptr      ? "stage"
         : node.decision() != nullptr ? "decision"
         : node.loop() != nullptr     ? "loop"
                                      : "select";
}

namespace {

constexpr std::size_t most_edges = 20'000'000;

bool reads_well(const std::string& text) {
  return !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '.';
  });
}

// "bits=4,group_size=32"; the cell's number when a value is too long for a name, or has other characters
// than a file name may have everywhere.
std::string label(const Json& cell, std::size_t number) {
  std::string text;
  for (const auto& [name, value] : cell.items()) {
    const std::string word = value.is_string()      ? value.get<std::string>()
                             : value.is_primitive() ? value.dump()
                                                    : "";
    if (!reads_well(word)) return std::to_string(number);
    text += (text.empty() ? "" : ",") + name + "=" + word;
  }
  return text;
}

}  // namespace

Graph::Graph(const workflow::Workflow& workflow, const Json& params, const plugins::Catalogue& catalogue)
    : catalogue_(&catalogue) {
  const Json no_cell = Json::object();
  const workflow::ValueOf value_of = workflow::known_values(params, no_cell);
  workflow::Faults faults;
  workflow::walk(workflow::View::of(workflow), [&](const workflow::View& view) {
    for (const workflow::Node& node : view.scope->nodes) {
      const workflow::Node* lineage = view.lineage(node);
      if (lineage == nullptr) continue;
      lineages_[&node] = lineage;
      auto& known = cells_[lineage];
      if (known) continue;
      auto cells = std::make_shared<Cells>();
      cells->values = workflow::cells(*lineage->matrix(), value_of, faults).value_or(std::vector<Json>{});
      for (std::size_t i = 0; i < cells->values.size(); ++i) {
        cells->labels.push_back(label(cells->values[i], i));
      }
      std::vector<std::string> labels = cells->labels;
      std::sort(labels.begin(), labels.end());
      if (std::adjacent_find(labels.begin(), labels.end()) != labels.end()) {  // "4" and 4
        for (std::size_t i = 0; i < cells->labels.size(); ++i) cells->labels[i] = std::to_string(i);
      }
      known = std::move(cells);
    }
  });
  faults.throw_if_any();
  StepScope root;
  root.nodes = &workflow;
  add_scope(std::move(root), "");
}

std::uint32_t Graph::add_iteration(std::uint32_t loop, int iteration, Json state,
                                   std::map<std::string, BoundInput> artifacts) {
  const Step& step = steps_[loop];
  StepScope scope;
  scope.nodes = step.node->loop()->body.get();
  scope.outer = step.scope;
  scope.loop = loop;
  scope.iteration = iteration;
  scope.state = std::move(state);
  scope.artifacts = std::move(artifacts);
  return add_scope(std::move(scope), iteration_id(step.id, iteration) + "/");
}

std::uint32_t Graph::add_scope(StepScope scope, const std::string& prefix) {
  const auto index = static_cast<std::uint32_t>(scopes_.size());
  const workflow::Scope& nodes = *scope.nodes;
  scope.first = static_cast<std::uint32_t>(steps_.size());
  scopes_.push_back(std::move(scope));
  names_.emplace_back();
  const std::vector<std::size_t> order = workflow::topological_order(workflow::need_graph(nodes));
  std::size_t edges = 0;
  for (const std::size_t at : order) {
    const workflow::Node& node = nodes.nodes[at];
    const Cells* cells = node.matrix() == nullptr ? nullptr : cells_.at(lineages_.at(&node)).get();
    const std::size_t count = cells == nullptr ? 1 : cells->values.size();
    const Group group{static_cast<std::uint32_t>(steps_.size()), static_cast<std::uint32_t>(count),
                      cells != nullptr};
    for (std::size_t i = 0; i < count; ++i) {
      Step step;
      step.id = prefix + node.id;
      if (cells != nullptr) step.id += "[" + cells->labels[i] + "]";
      step.node = &node;
      step.stage = node.stage() == nullptr ? nullptr : catalogue_->find(node.stage()->uses);
      step.scope = index;
      step.cell = cells == nullptr ? -1 : static_cast<std::int32_t>(i);
      const Place place{index, lineage(node), step.cell};
      for (const std::string& id : needs_of(node)) {
        const Group needed = seen(place, id);
        for (std::uint32_t k = 0; k < needed.count; ++k) step.needs.push_back(needed.first + k);
      }
      edges += step.needs.size();
      if (edges > most_edges) {
        throw Error(ErrorCode::invalid_workflow,
                    "the instances of \"" + node.id + "\" wait for each other along more than " +
                        std::to_string(most_edges) + " edges",
                    "let one stage or selection gather the many instances, and read that one", node.where);
      }
      index_.emplace(step.id, static_cast<std::uint32_t>(steps_.size()));
      steps_.push_back(std::move(step));
    }
    names_[index].emplace(node.id, group);
  }
  scopes_[index].count = static_cast<std::uint32_t>(steps_.size()) - scopes_[index].first;
  return index;
}

const std::vector<std::string>& Graph::needs_of(const workflow::Node& node) {
  const auto found = needs_.find(&node);
  return found != needs_.end() ? found->second : needs_.emplace(&node, workflow::needs(node)).first->second;
}

Place Graph::place_of(std::size_t step) const {
  const Step& one = steps_[step];
  return {one.scope, lineage(*one.node), one.cell};
}

Group Graph::seen(const Place& place, const std::string& name) const {
  for (std::uint32_t at = place.scope; at != StepScope::none; at = scopes_[at].outer) {
    const auto found = names_[at].find(name);
    if (found == names_[at].end()) continue;
    const Group& group = found->second;
    if (!group.many || place.lineage == nullptr || place.cell < 0) return group;
    if (lineage(*steps_[group.first].node) != place.lineage) return group;
    return {group.first + static_cast<std::uint32_t>(place.cell), 1, false};
  }
  return {};
}

const Json& Graph::cell(const workflow::Node* lineage, std::int32_t cell) const {
  return cells_.at(lineage)->values.at(static_cast<std::size_t>(cell));
}

const workflow::Node* Graph::lineage(const workflow::Node& node) const {
  const auto found = lineages_.find(&node);
  return found == lineages_.end() ? nullptr : found->second;
}

std::size_t Graph::cells(const workflow::Node* lineage) const { return cells_.at(lineage)->values.size(); }

std::size_t Graph::find(const std::string& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? steps_.size() : found->second;
}

}  // namespace presswork::engine
