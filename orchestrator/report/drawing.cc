#include "orchestrator/report/drawing.h"

#include <algorithm>
#include <map>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/report/text.h"
#include "orchestrator/workflow/view.h"

namespace presswork::report {

namespace {

using workflow::Node;
using workflow::Workflow;

struct Edge {
  std::size_t from = 0;
  bool solid = false, branch = false;
  std::vector<std::string> labels;
};

// The edges into one node, one for each node that it needs, in the order in which it names them. `scope` is
// the prefix of the ids beside the node.
class EdgesInto {
 public:
  EdgesInto(const Drawing& drawing, std::string scope, const Node& node)
      : drawing_(drawing), scope_(std::move(scope)) {
    if (const workflow::Stage* stage = node.stage()) add(stage->inputs);
    for (const workflow::After& after : node.after)
      add(after.node, !after.branch.empty(), !after.branch.empty(), after.branch);
    if (const workflow::Select* select = node.select()) {
      add(select->from, true, false, "");
      add(select->exports.outputs);
    }
    if (const workflow::Loop* loop = node.loop()) {
      add(*loop, drawing_.find(scope_ + node.id));
    } else {
      for (const workflow::Expression* expression : workflow::expressions(node)) add(*expression);
    }
  }

  std::vector<Edge> edges;

 private:
  // A name means the nearest node of that name: beside the node, or around the loop that it is in.
  std::size_t resolve(const std::string& id) const {
    for (std::string scope = scope_;;) {
      const std::size_t found = drawing_.find(scope + id);
      if (found != kNoNode || scope.empty()) return found;
      scope.pop_back();
      scope.resize(scope.rfind('/') == std::string::npos ? 0 : scope.rfind('/') + 1);
    }
  }

  // What the loop itself reads from outside; its body's nodes have edges of their own.
  void add(const workflow::Loop& loop, std::size_t itself) {
    inside_ = itself;
    for (const workflow::StateVariable& variable : loop.state) {
      add(variable.initial_artifact);
      add(variable.initial);
    }
    add(loop.max);
    scope_ = drawing_.nodes[itself].id + "/";
    for (const workflow::LoopCase& one : loop.decide) {
      if (one.when) add(*one.when);
      for (const auto& [name, value] : one.set) add(value);
      add(one.set_artifacts);
    }
    if (loop.best.objective) add(*loop.best.objective);
    if (loop.best.where) add(*loop.best.where);
    add(loop.exports.outputs);
    for (const auto& [name, expression] : loop.exports.metrics) add(expression);
  }

  void add(const std::map<std::string, workflow::Input>& inputs) {
    for (const auto& [name, input] : inputs) add(input);
  }

  void add(const workflow::Input& input) {
    for (const workflow::OutputName& candidate : input.candidates) {
      if (candidate.node != "state") add(candidate.node, true, false, candidate.output);
    }
  }

  void add(const workflow::Template& value) {
    for (const auto& hole : value.holes()) add(hole.expression);
  }

  void add(const workflow::Expression& expression) {
    for (const workflow::Name& name : expression.names()) {
      if (workflow::reads_node(name)) add(name.parts[0], false, false, name.parts.back());
    }
  }

  bool is_inside(std::size_t node) const {
    while (node != kNoNode && node != inside_) node = drawing_.nodes[node].parent;
    return inside_ != kNoNode && node == inside_;
  }

  void add(const std::string& id, bool solid, bool branch, const std::string& label) {
    const std::size_t from = resolve(id);
    if (from == kNoNode || is_inside(from)) return;
    auto edge =
        std::find_if(edges.begin(), edges.end(), [&](const Edge& known) { return known.from == from; });
    if (edge == edges.end()) edge = edges.insert(edges.end(), Edge{from, false, false, {}});
    if (solid && !edge->solid) edge->labels.clear();
    if (solid < edge->solid) return;  // what it carries says more than that it orders
    edge->solid = solid;
    edge->branch = branch;
    if (!label.empty() && std::find(edge->labels.begin(), edge->labels.end(), label) == edge->labels.end()) {
      edge->labels.push_back(label);
    }
  }

  const Drawing& drawing_;
  std::string scope_;
  std::size_t inside_ = kNoNode;  // a loop, whose own parts are nothing that it needs
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string as_text(const base::Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Its value where it is known before a run, else as it is written.
std::string as_text(const workflow::Template& value, const workflow::ValueOf& value_of) {
  try {
    return as_text(value.evaluate(value_of));
  } catch (const base::Error&) {
    return as_text(value.source());
  }
}

// "minimize loss"
std::string as_text(const workflow::Choice& choice) {
  if (choice.objective) return (choice.maximize ? "maximize " : "minimize ") + choice.objective->text();
  return choice.where ? "first where " + choice.where->text() : "first";
}

// "until loss < 2, at most 5"
std::string again_of(const workflow::Loop& loop, const workflow::ValueOf& value_of) {
  std::string text;
  for (const workflow::LoopCase& one : loop.decide) {
    if (one.action != workflow::LoopCase::Action::leave || !one.when) continue;
    text = "until " + truncate(one_line(one.when->text()), 40) + ", ";
    break;
  }
  return text + "at most " + as_text(loop.max, value_of);
}

void describe(DrawnNode& node, const workflow::Loop& loop, const workflow::ValueOf& value_of) {
  node.shape = DrawnNode::Shape::loop;
  node.again = again_of(loop, value_of);
  for (const workflow::StateVariable& variable : loop.state)
    node.details.emplace_back("state " + variable.name,
                              variable.type ? as_text(variable.initial, value_of) : "artifact");
  for (const workflow::LoopCase& one : loop.decide) {
    static constexpr const char* words[] = {"break", "continue", "fail"};
    node.details.emplace_back(words[static_cast<int>(one.action)],
                              one.when ? "when " + one.when->text() : "otherwise");
  }
}

void describe(DrawnNode& node, const workflow::Select& select) {
  node.shape = DrawnNode::Shape::select;
  node.uses = as_text(select.choice);
  node.details.emplace_back("from", select.from);
  if (select.choice.where) node.details.emplace_back("where", select.choice.where->text());
}

// Draws the nodes first: an edge may lead out of any of them.
class Drawer {
 public:
  // Parameters are all that is known before a run.
  Drawer(const Workflow& workflow, const base::Json& params)
      : value_of_([&workflow, &params](const workflow::Name& name) -> std::optional<base::Json> {
          if (name.parts.size() != 2 || name.parts[0] != "params") return std::nullopt;
          if (params.is_object() && params.contains(name.parts[1])) return params[name.parts[1]];
          const workflow::Param* param = workflow.param(name.parts[1]);
          return param == nullptr ? std::nullopt : param->fallback;
        }) {
    drawing.title = workflow.name;
    drawing.subtitle = workflow.description;
    add_nodes(workflow::View::of(workflow), "", kNoNode);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const Edge& edge : EdgesInto(drawing, nodes_[i].second, *nodes_[i].first).edges)
        drawing.edges.push_back({edge.from, i, edge.solid, joined(edge.labels), edge.branch});
    }
  }

  Drawing drawing;

 private:
  void add_nodes(const workflow::View& view, const std::string& prefix, std::size_t parent) {
    for (const Node& node : view.scope->nodes) {
      nodes_.emplace_back(&node, prefix);
      const std::size_t at = drawing.add(drawn(view, node, prefix, parent));
      if (node.loop() != nullptr) add_nodes(view.inside(*node.loop()), prefix + node.id + "/", at);
    }
  }

  DrawnNode drawn(const workflow::View& view, const Node& node, const std::string& prefix,
                  std::size_t parent) const {
    DrawnNode out;
    out.id = prefix + node.id;
    out.label = node.id;
    out.parent = parent;
    if (!node.description.empty()) out.details.emplace_back("description", node.description);
    if (node.decision() != nullptr) out.shape = DrawnNode::Shape::decision;
    if (const workflow::Loop* loop = node.loop()) describe(out, *loop, value_of_);
    if (const workflow::Select* select = node.select()) describe(out, *select);
    if (const workflow::Stage* stage = node.stage()) out.uses = stage->uses;
    if (const workflow::Matrix* matrix = node.matrix()) stack(out, view, node, *matrix);
    return out;
  }

  void stack(DrawnNode& out, const workflow::View& view, const Node& node,
             const workflow::Matrix& matrix) const {
    out.count = count(view.lineage(node));
    out.stacked = out.count != 1;
    if (!matrix.from.empty()) out.details.emplace_back("matrix of", matrix.from);
    for (const workflow::Matrix::Axis& axis : matrix.axes)
      out.details.emplace_back("matrix " + axis.name, truncate(as_text(axis.values, value_of_), 80));
  }

  // 0 where a parameter that decides it has no value.
  std::size_t count(const Node* lineage) const {
    if (lineage == nullptr) return 0;
    workflow::Faults ignored;  // validate shows them
    const auto cells = workflow::cells(*lineage->matrix(), value_of_, ignored);
    return cells ? cells->size() : 0;
  }

  workflow::ValueOf value_of_;
  std::vector<std::pair<const Node*, std::string>> nodes_;  // as in the drawing; the prefix of their ids
};

}  // namespace

std::size_t Drawing::find(const std::string& id) const {
  const auto it = index_.find(id);
  return it == index_.end() ? kNoNode : it->second;
}

std::size_t Drawing::add(DrawnNode node) {
  index_.emplace(node.id, nodes.size());
  nodes.push_back(std::move(node));
  return nodes.size() - 1;
}

Drawing drawing_of(const Workflow& workflow, const base::Json& params) {
  return std::move(Drawer(workflow, params).drawing);
}

}  // namespace presswork::report
