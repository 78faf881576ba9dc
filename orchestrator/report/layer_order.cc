// The order within ranks, and the places that follow from it.
#include <algorithm>
#include <cstdint>

#include "orchestrator/report/layers.h"

namespace presswork::report {

namespace {

void number(Layers& layers, const std::vector<std::size_t>& rank) {
  for (std::size_t i = 0; i < rank.size(); ++i) layers.items[rank[i]].place = i;
}

// Crossings between a rank and the one below: inversions among the ends below, by a Fenwick tree.
std::uint64_t crossings(const Layers& layers, std::size_t rank) {
  if (rank + 1 >= layers.ranks.size()) return 0;
  std::vector<std::uint64_t> tree(layers.ranks[rank + 1].size() + 1, 0);
  std::uint64_t sum = 0, count = 0;
  std::vector<std::size_t> ends;
  for (const std::size_t item : layers.ranks[rank]) {
    ends.clear();
    for (const std::size_t below : layers.items[item].below) ends.push_back(layers.items[below].place + 1);
    std::sort(ends.begin(), ends.end());
    for (const std::size_t end : ends) {
      std::uint64_t not_right = 0;
      for (std::size_t i = end; i > 0; i -= i & (~i + 1)) not_right += tree[i];
      sum += count - not_right;
    }
    for (const std::size_t end : ends) {
      for (std::size_t i = end; i < tree.size(); i += i & (~i + 1)) ++tree[i];
      ++count;
    }
  }
  return sum;
}

std::uint64_t all_crossings(const Layers& layers) {
  std::uint64_t sum = 0;
  for (std::size_t rank = 0; rank < layers.ranks.size(); ++rank) sum += crossings(layers, rank);
  return sum;
}

void sort_by_barycentre(Layers& layers, std::size_t rank, bool by_above) {
  std::vector<std::size_t>& row = layers.ranks[rank];
  std::vector<std::pair<double, std::size_t>> keyed;
  for (const std::size_t item : row) {
    const LayerItem& one = layers.items[item];
    const auto& neighbours = by_above ? one.above : one.below;
    double sum = 0;
    for (const std::size_t neighbour : neighbours) sum += static_cast<double>(layers.items[neighbour].place);
    const double centre =
        neighbours.empty() ? static_cast<double>(one.place) : sum / static_cast<double>(neighbours.size());
    keyed.emplace_back(centre, item);
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = keyed[i].second;
  number(layers, row);
}

// The places with the least squared distance from where the items want to be, in their order and apart from
// each other: isotonic regression by pooling adjacent violators, after taking the room between away.
void settle(Layers& layers, const std::vector<std::size_t>& row, const std::vector<double>& wanted,
            const std::vector<double>& weight, double gap) {
  struct Pool {
    double sum, weight;
    std::size_t count;
    double mean() const { return sum / weight; }
  };
  std::vector<double> offset(row.size(), 0);
  for (std::size_t i = 1; i < row.size(); ++i) {
    const LayerItem &left = layers.items[row[i - 1]], &right = layers.items[row[i]];
    const double between = left.bend && right.bend ? gap * 0.6 : gap;
    offset[i] = offset[i - 1] + (left.width + right.width) / 2 + between;
  }
  std::vector<Pool> pools;
  for (std::size_t i = 0; i < row.size(); ++i) {
    pools.push_back({(wanted[i] - offset[i]) * weight[i], weight[i], 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().weight += last.weight;
      pools.back().count += last.count;
    }
  }
  std::size_t at = 0;
  for (const Pool& pool : pools) {
    for (std::size_t i = 0; i < pool.count; ++i, ++at) layers.items[row[at]].x = pool.mean() + offset[at];
  }
}

enum class Look { above, below, both };

void pull(Layers& layers, std::size_t rank, Look look, double gap) {
  const std::vector<std::size_t>& row = layers.ranks[rank];
  std::vector<double> wanted(row.size()), weight(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const LayerItem& item = layers.items[row[i]];
    double sum = 0, count = 0;
    const auto add = [&](const std::vector<std::size_t>& neighbours) {
      for (const std::size_t neighbour : neighbours) {
        // A bend that goes on into a bend counts more: long edges shall be straight. All the nodes that
        // share a bend count as two, or a row would follow its bends.
        const double nodes = std::max(1.0, static_cast<double>(neighbours.size()) - 1);
        const double importance = item.bend ? (layers.items[neighbour].bend ? 8 : 2 / nodes) : 1;
        sum += layers.items[neighbour].x * importance;
        count += importance;
      }
    };
    if (look != Look::below) add(item.above);
    if (look != Look::above) add(item.below);
    wanted[i] = count > 0 ? sum / count : item.x;
    weight[i] = count > 0 ? std::max(1.0, count) : 0.1;
  }
  settle(layers, row, wanted, weight, gap);
}

}  // namespace

void order_ranks(Layers& layers) {
  for (const auto& rank : layers.ranks) number(layers, rank);
  auto best = layers.ranks;
  std::uint64_t fewest = all_crossings(layers);
  for (int sweep = 0; sweep < 24 && fewest > 0; ++sweep) {
    const bool down = sweep % 2 == 0;
    for (std::size_t i = 1; i < layers.ranks.size(); ++i)
      sort_by_barycentre(layers, down ? i : layers.ranks.size() - 1 - i, down);
    const std::uint64_t now = all_crossings(layers);
    if (now >= fewest) continue;
    fewest = now;
    best = layers.ranks;
  }
  layers.ranks = std::move(best);
  for (const auto& rank : layers.ranks) number(layers, rank);
}

void place_items(Layers& layers, double gap) {
  for (const auto& row : layers.ranks) {
    double x = 0;
    for (const std::size_t item : row) {
      layers.items[item].x = x + layers.items[item].width / 2;
      x += layers.items[item].width + gap;
    }
    for (const std::size_t item : row) layers.items[item].x -= x / 2;
  }
  const std::size_t count = layers.ranks.size();
  for (int sweep = 0; sweep < 12; ++sweep) {
    for (std::size_t i = 0; i < count; ++i) pull(layers, i, sweep < 6 ? Look::above : Look::both, gap);
    for (std::size_t i = count; i-- > 0;) pull(layers, i, sweep < 6 ? Look::below : Look::both, gap);
  }
}

}  // namespace presswork::report
