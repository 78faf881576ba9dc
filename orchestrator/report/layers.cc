#include "orchestrator/report/layers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace presswork::report {

namespace {

constexpr double kLabelHeight = 16;

// Ranks by longest path; an edge with a label spans two, for its label lies between them.
class Ranks {
 public:
  Ranks(std::size_t nodes, const std::vector<LayerEdge>& edges, std::vector<bool>& reversed)
      : edges_(edges), reversed_(reversed), rank(nodes, 0), out_(nodes), in_(nodes) {
    for (std::size_t i = 0; i < edges.size(); ++i) {
      out_[edges[i].from].push_back(i);
      in_[edges[i].to].push_back(i);
    }
    assign();
    pull_down();
    split_wide_ranks();
  }

  std::size_t from(std::size_t edge) const { return reversed_[edge] ? edges_[edge].to : edges_[edge].from; }
  std::size_t to(std::size_t edge) const { return reversed_[edge] ? edges_[edge].from : edges_[edge].to; }

 private:
  std::size_t span(std::size_t edge) const { return edges_[edge].label_width > 0 ? 2 : 1; }

  void assign() {
    std::vector<std::size_t> missing(rank.size());
    std::vector<bool> done(rank.size(), false);
    std::vector<std::size_t> ready;
    for (std::size_t i = rank.size(); i-- > 0;) {
      missing[i] = in_[i].size();
      if (missing[i] == 0) ready.push_back(i);
    }
    for (std::size_t count = 0; count < rank.size(); ++count) {
      if (ready.empty()) {  // a cycle, which no workflow has: its first node is as if nothing led there
        const auto first = std::find(done.begin(), done.end(), false) - done.begin();
        ready.push_back(static_cast<std::size_t>(first));
      }
      const std::size_t node = ready.back();
      ready.pop_back();
      if (done[node]) {
        --count;
        continue;
      }
      done[node] = true;
      order_.push_back(node);
      for (const std::size_t edge : in_[node]) {
        if (!done[edges_[edge].from] || edges_[edge].from == node)
          reversed_[edge] = true;
        else
          rank[node] = std::max(rank[node], rank[edges_[edge].from] + span(edge));
      }
      for (const std::size_t edge : out_[node]) {
        if (--missing[edges_[edge].to] == 0) ready.push_back(edges_[edge].to);
      }
    }
  }

  // A node that gives more than it takes lies close to what it gives to.
  void pull_down() {
    for (auto node = order_.rbegin(); node != order_.rend(); ++node) {
      if (out_[*node].empty() || in_[*node].size() >= out_[*node].size()) continue;
      std::size_t lowest = static_cast<std::size_t>(-1);
      for (const std::size_t edge : out_[*node]) {
        if (reversed_[edge]) return;
        lowest = std::min(lowest, rank[edges_[edge].to] - span(edge));
      }
      rank[*node] = std::max(rank[*node], lowest);
    }
  }

  // No rank is much wider than the drawing is high.
  void split_wide_ranks() {
    std::map<std::size_t, std::vector<std::size_t>> by_rank;
    for (const std::size_t node : order_) by_rank[rank[node]].push_back(node);
    const auto most = static_cast<std::size_t>(
        std::max(16.0, std::ceil(1.3 * std::sqrt(static_cast<double>(rank.size())))));
    std::size_t extra = 0;
    for (auto& [old, nodes] : by_rank) {
      std::sort(nodes.begin(), nodes.end());
      const std::size_t rows = (nodes.size() + most - 1) / most;
      const std::size_t columns = (nodes.size() + rows - 1) / rows;
      for (std::size_t i = 0; i < nodes.size(); ++i) rank[nodes[i]] = old + extra + i / columns;
      extra += rows - 1;
    }
  }

  const std::vector<LayerEdge>& edges_;
  std::vector<bool>& reversed_;

 public:
  std::vector<std::size_t> rank;

 private:
  std::vector<std::vector<std::size_t>> out_, in_;
  std::vector<std::size_t> order_;
};

class Builder {
 public:
  Builder(const std::vector<Box>& sizes, const std::vector<LayerEdge>& edges) : edges_(edges) {
    layers.reversed.assign(edges.size(), false);
    const Ranks ranks(sizes.size(), edges, layers.reversed);
    std::vector<std::size_t> leaving(sizes.size(), 0), entering(sizes.size(), 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      LayerItem item;
      item.width = sizes[i].width;
      item.height = sizes[i].height;
      item.rank = ranks.rank[i];
      layers.items.push_back(std::move(item));
    }
    for (std::size_t i = 0; i < edges.size(); ++i) {
      ++leaving[ranks.from(i)];
      ++entering[ranks.to(i)];
    }
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const std::size_t from = ranks.from(i), to = ranks.to(i);
      if (edges[i].from == edges[i].to) {
        layers.paths.emplace_back();
      } else {
        layers.paths.push_back(path(i, from, to, leaving[from] >= entering[to]));
      }
    }
    fill_ranks();
  }

  Layers layers;

 private:
  // `by_source`: the bends are those of all long edges that leave `from`, else of all that enter `to`.
  std::vector<std::size_t> path(std::size_t edge, std::size_t from, std::size_t to, bool by_source) {
    std::vector<std::size_t> path = {from};
    for (std::size_t rank = layers.items[from].rank + 1; rank < layers.items[to].rank; ++rank) {
      const double label = edges_[edge].label_width;
      const bool own = label > 0;
      const auto key =
          own ? std::tuple(edge, rank, 2) : std::tuple(by_source ? from : to, rank, by_source ? 1 : 0);
      const auto [it, first] = bends_.emplace(key, layers.items.size());
      if (first) {
        LayerItem bend;
        bend.rank = rank;
        bend.bend = true;
        const bool labelled = own && rank == layers.items[from].rank + 1;
        bend.width = labelled ? label : 4;
        bend.height = labelled ? kLabelHeight : 0;
        layers.items.push_back(std::move(bend));
      }
      path.push_back(it->second);
    }
    path.push_back(to);
    for (std::size_t i = 1; i < path.size(); ++i) {
      if (!segments_.emplace(path[i - 1], path[i]).second) continue;
      layers.items[path[i - 1]].below.push_back(path[i]);
      layers.items[path[i]].above.push_back(path[i - 1]);
    }
    return path;
  }

  // So that what hangs from a bend spreads to both sides of the bend's next one.
  std::vector<std::size_t> bends_in_the_middle(const std::vector<std::size_t>& items) const {
    std::vector<std::size_t> nodes, bends;
    for (const std::size_t item : items) (layers.items[item].bend ? bends : nodes).push_back(item);
    nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(nodes.size() / 2), bends.begin(), bends.end());
    return nodes;
  }

  // From left to right in the order in which they are found from the top, so that trees start untangled.
  void fill_ranks() {
    std::size_t count = 0;
    for (const LayerItem& item : layers.items) count = std::max(count, item.rank + 1);
    layers.ranks.resize(count);
    std::vector<bool> seen(layers.items.size(), false);
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < layers.items.size(); ++i) {
      if (seen[i] || !layers.items[i].above.empty()) continue;
      open.push_back(i);
      while (!open.empty()) {
        const std::size_t item = open.back();
        open.pop_back();
        if (seen[item]) continue;
        seen[item] = true;
        layers.ranks[layers.items[item].rank].push_back(item);
        const std::vector<std::size_t> below = bends_in_the_middle(layers.items[item].below);
        open.insert(open.end(), below.rbegin(), below.rend());
      }
    }
  }

  const std::vector<LayerEdge>& edges_;
  std::map<std::tuple<std::size_t, std::size_t, int>, std::size_t> bends_;
  std::set<std::pair<std::size_t, std::size_t>> segments_;
};

}  // namespace

Layers make_layers(const std::vector<Box>& sizes, const std::vector<LayerEdge>& edges) {
  return std::move(Builder(sizes, edges).layers);
}

}  // namespace presswork::report
