// Mermaid and Graphviz.
#include "orchestrator/report/graph.h"

#include <functional>
#include <string_view>
#include <utility>

#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using Shape = DrawnNode::Shape;

// Mermaid takes HTML entities with # in place of &.
std::string mermaid_text(std::string_view text) {
  std::string result;
  for (const char c : one_line(text)) {
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
      default:
        result += c;
    }
  }
  return result;
}

std::string dot_text(std::string_view text) {
  std::string result;
  for (const char c : one_line(text)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

// Node ids such as "end" mean something to Mermaid, so nodes are numbered.
std::string number(std::size_t index) { return "n" + std::to_string(index); }

std::vector<std::vector<std::size_t>> children_of(const Drawing& drawing) {
  std::vector<std::vector<std::size_t>> children(drawing.nodes.size() + 1);  // the last: of the page
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const std::size_t parent = drawing.nodes[i].parent;
    children[parent == kNoNode ? drawing.nodes.size() : parent].push_back(i);
  }
  return children;
}

std::string count_of(const DrawnNode& node) {
  if (node.count > 1) return "×" + std::to_string(node.count);
  return node.stacked ? "×n" : "";
}

// "1.5 s, ×6"
std::string notes_of(const DrawnNode& node) {
  std::string text = node.note;
  for (const std::string& more : {count_of(node), node.again}) {
    if (!more.empty()) text += (text.empty() ? "" : ", ") + more;
  }
  return text;
}

const char* dot_fill(const std::string& state) {
  if (state == "succeeded") return "#d7f0de";
  if (state == "cached") return "#d4ebf6";
  if (state == "failed" || state == "timed_out") return "#fbd5d7";
  if (state == "running") return "#ffecb3";
  if (state == "cancelled" || state == "interrupted") return "#e6dcf8";
  return "#f2f4f6";
}

std::string mermaid_node(const DrawnNode& node, std::size_t index) {
  std::string label = mermaid_text(node.label);
  if (!node.uses.empty()) label += "<br/><small>" + mermaid_text(node.uses) + "</small>";
  if (const std::string notes = notes_of(node); !notes.empty())
    label += "<br/><small>" + mermaid_text(notes) + "</small>";
  const auto [open, close] = node.shape == Shape::decision ? std::pair("{\"", "\"}")
                             : node.shape == Shape::select ? std::pair("{{\"", "\"}}")
                             : node.stacked                ? std::pair("[[\"", "\"]]")
                                                           : std::pair("[\"", "\"]");
  return number(index) + open + label + close + (node.state.empty() ? "" : ":::" + node.state);
}

}  // namespace

std::string to_mermaid(const Drawing& drawing) {
  std::string text = "flowchart TD\n";
  const auto children = children_of(drawing);
  const std::function<void(std::size_t, std::string)> add = [&](std::size_t parent,
                                                                const std::string& indent) {
    for (const std::size_t i : children[parent]) {
      const DrawnNode& node = drawing.nodes[i];
      if (children[i].empty()) {
        text += indent + mermaid_node(node, i) + "\n";
        continue;
      }
      const std::string notes = notes_of(node);
      text += indent + "subgraph " + number(i) + "[\"" + mermaid_text(node.label) +
              (notes.empty() ? "" : " (" + mermaid_text(notes) + ")") + "\"]\n";
      add(i, indent + "  ");
      text += indent + "end\n";
    }
  };
  add(drawing.nodes.size(), "  ");
  std::string critical;
  for (std::size_t i = 0; i < drawing.edges.size(); ++i) {
    const DrawnEdge& edge = drawing.edges[i];
    text += "  " + number(edge.from) + (edge.solid ? " -->" : " -.->");
    if (!edge.label.empty()) text += "|\"" + mermaid_text(edge.label) + "\"|";
    text += " " + number(edge.to) + "\n";
    if (edge.critical) critical += (critical.empty() ? "" : ",") + std::to_string(i);
  }
  if (!critical.empty()) text += "  linkStyle " + critical + " stroke:#d9730d,stroke-width:3px\n";
  bool states = false;
  for (const DrawnNode& node : drawing.nodes) states = states || !node.state.empty();
  if (!states) return text;
  for (const char* state : {"succeeded", "cached", "failed", "timed_out", "running", "cancelled",
                            "interrupted", "skipped", "pending"}) {
    text += std::string("  classDef ") + state + " fill:" + dot_fill(state) + ",color:#1f2328" +
            (std::string_view(state) == "skipped" ? ",stroke-dasharray:4 3" : "") + "\n";
  }
  return text;
}

std::string to_dot(const Drawing& drawing) {
  std::string text = "digraph \"" + dot_text(drawing.title) + "\" {\n";
  text += "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f2f4f6\", fontname=\"sans-serif\"];\n";
  text += "  edge [fontname=\"sans-serif\", fontsize=10];\n  compound=true;\n";
  const auto children = children_of(drawing);
  const std::function<void(std::size_t, std::string)> add = [&](std::size_t parent,
                                                                const std::string& indent) {
    for (const std::size_t i : children[parent]) {
      const DrawnNode& node = drawing.nodes[i];
      const std::string notes = notes_of(node);
      if (!children[i].empty()) {
        text += indent + "subgraph cluster_" + number(i) + " {\n" + indent + "  label=\"" +
                dot_text(node.label + (notes.empty() ? "" : " (" + notes + ")")) +
                "\"; style=\"rounded,dashed\";\n";
        // What leads to the loop ends at this point inside, cut off at the frame.
        text += indent + "  " + number(i) + " [shape=point, style=invis, label=\"\"];\n";
        add(i, indent + "  ");
        text += indent + "}\n";
        continue;
      }
      text += indent + number(i) + " [label=\"" + dot_text(node.label);
      if (!node.uses.empty()) text += "\\n" + dot_text(node.uses);
      if (!notes.empty()) text += "\\n" + dot_text(notes);
      text += "\"";
      if (node.shape == Shape::decision) text += ", shape=diamond, style=filled";
      if (node.shape == Shape::select) text += ", shape=hexagon, style=filled";
      if (node.stacked) text += ", peripheries=2";
      if (!node.state.empty()) text += std::string(", fillcolor=\"") + dot_fill(node.state) + "\"";
      if (node.critical) text += ", penwidth=2.5, color=\"#d9730d\"";
      text += "];\n";
    }
  };
  add(drawing.nodes.size(), "  ");
  for (const DrawnEdge& edge : drawing.edges) {
    std::string how;
    const auto more = [&](const std::string& word) { how += (how.empty() ? "" : ", ") + word; };
    if (!edge.label.empty()) more("label=\"" + dot_text(edge.label) + "\"");
    if (!edge.solid) more("style=dashed");
    if (!edge.taken) more("color=\"#c3cad2\", fontcolor=\"#8b949e\"");
    if (edge.critical) more("penwidth=2.5, color=\"#d9730d\"");
    if (!children[edge.from].empty()) more("ltail=cluster_" + number(edge.from));
    if (!children[edge.to].empty()) more("lhead=cluster_" + number(edge.to));
    text += "  " + number(edge.from) + " -> " + number(edge.to) + " [" + how + "];\n";
  }
  return text + "}\n";
}

}  // namespace presswork::report
