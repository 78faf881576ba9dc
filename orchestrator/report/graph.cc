#include "orchestrator/report/graph.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace presswork::report {

namespace {

using workflow::Node;
using workflow::Workflow;

struct Edge {
  std::size_t from, to;
  bool solid;
  std::vector<std::string> labels;
};

// The edges into one node, one for each node that it needs, in the order in which it names them.
class EdgesInto {
 public:
  EdgesInto(const Workflow& workflow, std::size_t to) : workflow_(workflow), to_(to) {
    const Node& node = workflow.nodes[to];
    if (const workflow::Stage* stage = node.stage()) {
      for (const auto& [name, input] : stage->inputs) {
        for (const auto& candidate : input.candidates) add(candidate.node, true, candidate.output);
      }
    }
    for (const workflow::After& after : node.after) add(after.node, !after.branch.empty(), after.branch);
    for (const workflow::Expression* expression : workflow::expressions(node)) {
      for (const workflow::Name& name : expression->names()) {
        if (name.parts[0] != "params") add(name.parts[0], false, name.parts.back());
      }
    }
  }

  std::vector<Edge> edges;

 private:
  void add(const std::string& id, bool solid, const std::string& label) {
    const Node* node = workflow_.find(id);
    if (node == nullptr) return;
    const auto from = static_cast<std::size_t>(node - workflow_.nodes.data());
    auto edge =
        std::find_if(edges.begin(), edges.end(), [&](const Edge& known) { return known.from == from; });
    if (edge == edges.end()) edge = edges.insert(edges.end(), Edge{from, to_, false, {}});
    if (solid && !edge->solid) edge->labels.clear();
    if (solid < edge->solid) return;  // what it carries says more than that it orders
    edge->solid = solid;
    if (!label.empty() && std::find(edge->labels.begin(), edge->labels.end(), label) == edge->labels.end()) {
      edge->labels.push_back(label);
    }
  }

  const Workflow& workflow_;
  std::size_t to_;
};

std::vector<Edge> edges_of(const Workflow& workflow) {
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < workflow.nodes.size(); ++i) {
    for (Edge& edge : EdgesInto(workflow, i).edges) edges.push_back(std::move(edge));
  }
  return edges;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Mermaid takes HTML entities with # in place of &.
std::string mermaid_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "#quot;";
        break;
      case '#':
        result += "#35;";
        break;
      case '&':
        result += "#amp;";
        break;
      case '<':
        result += "#lt;";
        break;
      case '>':
        result += "#gt;";
        break;
      case '\n':
        result += ' ';
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string dot_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

// Node ids such as "end" mean something to Mermaid, so nodes are numbered.
std::string number(std::size_t index) { return "n" + std::to_string(index); }

}  // namespace

std::string to_mermaid(const Workflow& workflow) {
  std::string text = "flowchart TD\n";
  for (std::size_t i = 0; i < workflow.nodes.size(); ++i) {
    const Node& node = workflow.nodes[i];
    text += "  " + number(i);
    if (node.decision() != nullptr) {
      text += "{\"" + mermaid_text(node.id) + "\"}\n";
    } else {
      text +=
          "[\"" + mermaid_text(node.id) + "<br/><small>" + mermaid_text(node.stage()->uses) + "</small>\"]\n";
    }
  }
  for (const Edge& edge : edges_of(workflow)) {
    text += "  " + number(edge.from) + (edge.solid ? " -->" : " -.->");
    if (!edge.labels.empty()) text += "|\"" + mermaid_text(joined(edge.labels)) + "\"|";
    text += " " + number(edge.to) + "\n";
  }
  return text;
}

std::string to_dot(const Workflow& workflow) {
  std::string text = "digraph \"" + dot_text(workflow.name) + "\" {\n";
  text += "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
  for (std::size_t i = 0; i < workflow.nodes.size(); ++i) {
    const Node& node = workflow.nodes[i];
    text += "  " + number(i) + " [label=\"" + dot_text(node.id);
    text += node.decision() != nullptr ? "\", shape=diamond, style=solid];\n"
                                       : "\\n" + dot_text(node.stage()->uses) + "\"];\n";
  }
  for (const Edge& edge : edges_of(workflow)) {
    text += "  " + number(edge.from) + " -> " + number(edge.to) + " [";
    if (!edge.labels.empty()) text += "label=\"" + dot_text(joined(edge.labels)) + "\"";
    if (!edge.solid) text += edge.labels.empty() ? "style=dashed" : ", style=dashed";
    text += "];\n";
  }
  return text + "}\n";
}

}  // namespace presswork::report
