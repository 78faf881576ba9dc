#include "orchestrator/report/drawing.h"

#include <algorithm>
#include <map>

namespace presswork::report {

namespace {

using workflow::Node;
using workflow::Workflow;

struct Edge {
  std::size_t from = 0;
  bool solid = false, branch = false;
  std::vector<std::string> labels;
};

// The edges into one node, one for each node that it needs, in the order in which it names them.
class EdgesInto {
 public:
  EdgesInto(const Drawing& drawing, std::string scope, const Node& node)
      : drawing_(drawing), scope_(std::move(scope)) {
    if (const workflow::Stage* stage = node.stage()) {
      for (const auto& [name, input] : stage->inputs) {
        for (const auto& candidate : input.candidates) add(candidate.node, true, false, candidate.output);
      }
    }
    for (const workflow::After& after : node.after)
      add(after.node, !after.branch.empty(), !after.branch.empty(), after.branch);
    for (const workflow::Expression* expression : workflow::expressions(node)) {
      for (const workflow::Name& name : expression->names())
        add(name.parts[0], false, false, name.parts.back());
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

  void add(const std::string& id, bool solid, bool branch, const std::string& label) {
    const std::size_t from = resolve(id);  // params and the like are no nodes
    if (from == kNoNode) return;
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
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

DrawnNode drawn(const Node& node) {
  DrawnNode out;
  out.id = out.label = node.id;
  if (node.decision() != nullptr) out.shape = DrawnNode::Shape::decision;
  if (const workflow::Stage* stage = node.stage()) out.uses = stage->uses;
  if (!node.description.empty()) out.details.emplace_back("description", node.description);
  return out;
}

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

Drawing drawing_of(const Workflow& workflow) {
  Drawing drawing;
  drawing.title = workflow.name;
  drawing.subtitle = workflow.description;
  for (const Node& node : workflow.nodes) drawing.add(drawn(node));
  for (std::size_t i = 0; i < workflow.nodes.size(); ++i) {
    for (const Edge& edge : EdgesInto(drawing, "", workflow.nodes[i]).edges)
      drawing.edges.push_back({edge.from, i, edge.solid, joined(edge.labels), edge.branch});
  }
  return drawing;
}

}  // namespace presswork::report
