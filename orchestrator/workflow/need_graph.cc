#include "orchestrator/workflow/need_graph.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>
#include <boost/graph/topological_sort.hpp>
#include <iterator>

namespace presswork::workflow {

namespace {

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

Graph to_boost(const NeedGraph& needs) {
  Graph graph(needs.size());
  for (std::size_t node = 0; node < needs.size(); ++node) {
    for (const std::size_t need : needs[node]) boost::add_edge(node, need, graph);
  }
  return graph;
}

// The shortest way from `start` back to itself along needs, inside its component.
std::vector<std::size_t> cycle_through(std::size_t start, const NeedGraph& graph,
                                       const std::vector<int>& component) {
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::vector<std::size_t> came_from(graph.size(), none);
  std::vector<std::size_t> queue{start};
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (const std::size_t need : graph[queue[at]]) {
      if (need == start) {
        std::vector<std::size_t> cycle{start};
        for (std::size_t node = queue[at]; node != start; node = came_from[node]) cycle.push_back(node);
        return cycle;  // each node is followed by the one that waits for it
      }
      if (component[need] != component[start] || came_from[need] != none) continue;
      came_from[need] = queue[at];
      queue.push_back(need);
    }
  }
  return {};
}

}  // namespace

NeedGraph need_graph(const Scope& scope) {
  NeedGraph graph(scope.nodes.size());
  for (std::size_t i = 0; i < scope.nodes.size(); ++i) {
    for (const std::string& id : needs(scope.nodes[i])) {
      if (const Node* need = scope.find(id)) {
        graph[i].push_back(static_cast<std::size_t>(need - scope.nodes.data()));
      }
    }
  }
  return graph;
}

void check_cycles(const Scope& scope, const NeedGraph& needs, Faults& faults) {
  std::vector<int> component(needs.size());
  const Graph graph = to_boost(needs);
  const int count = boost::strong_components(
      graph, boost::make_iterator_property_map(component.begin(), boost::get(boost::vertex_index, graph)));
  std::vector<std::size_t> members(static_cast<std::size_t>(count), 0);
  for (const int one : component) ++members[static_cast<std::size_t>(one)];
  for (std::size_t node = 0; node < needs.size(); ++node) {
    std::size_t& left = members[static_cast<std::size_t>(component[node])];
    const bool needs_itself = std::find(needs[node].begin(), needs[node].end(), node) != needs[node].end();
    if (left == 0 || (left == 1 && !needs_itself)) continue;
    left = 0;  // reported, at its first member in the document
    const std::vector<std::size_t> cycle = cycle_through(node, needs, component);
    std::string path;
    for (const std::size_t member : cycle) path += scope.nodes[member].id + " → ";
    faults.add(scope.nodes[node].where,
               "these nodes wait for each other: " + path + scope.nodes[node].id,
               "remove one of the edges; they come from \"inputs\", \"after\" and the names in expressions");
  }
}

std::vector<std::size_t> topological_order(const NeedGraph& needs) {
  std::vector<std::size_t> order;
  order.reserve(needs.size());
  // Edges lead from a node to its needs, so that "reverse topological" is needs first.
  const Graph graph = to_boost(needs);
  boost::topological_sort(graph, std::back_inserter(order));
  return order;
}

}  // namespace presswork::workflow
