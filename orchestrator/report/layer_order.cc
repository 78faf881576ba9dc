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

// How strongly two connected items pull each other. A bend that goes on into a bend counts most: long edges
// shall be straight. All the edges of a wide fan count as two, or the rows beside it would follow its middle.
double importance(const LayerItem& upper, const LayerItem& lower) {
  if (upper.bend && lower.bend) return 64;
  const std::size_t fan = upper.bend   ? upper.below.size()
                          : lower.bend ? lower.above.size()
                                       : std::max(upper.below.size(), lower.above.size());
  return 2 / std::max(1.0, static_cast<double>(fan) - 1);
}

void pull(Layers& layers, std::size_t rank, double gap) {
  const std::vector<std::size_t>& row = layers.ranks[rank];
  std::vector<double> wanted(row.size()), weight(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const LayerItem& item = layers.items[row[i]];
    double sum = 0, all = 0;
    const auto add = [&](const LayerItem& other, double share) {
      sum += other.x * share;
      all += share;
    };
    for (const std::size_t above : item.above)
      add(layers.items[above], importance(layers.items[above], item));
    for (const std::size_t below : item.below)
      add(layers.items[below], importance(item, layers.items[below]));
    wanted[i] = all > 0 ? sum / all : item.x;
    weight[i] = all > 0 ? all : 0.1;
  }
  settle(layers, row, wanted, weight, gap);
}

using Neighbours = std::vector<std::size_t> LayerItem::*;

// Puts what has neighbours of its own on one side, which nothing else is connected to, over their middle: a
// parent over its children, a join under what it joins, the links of a chain in one line.
void centre(Layers& layers, std::size_t rank, Neighbours side, Neighbours back, double gap) {
  const std::vector<std::size_t>& row = layers.ranks[rank];
  std::vector<double> wanted(row.size());
  const std::vector<double> weight(row.size(), 1);
  bool any = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const LayerItem& item = layers.items[row[i]];
    double sum = 0, count = 0;
    for (const std::size_t other : item.*side) {
      if ((layers.items[other].*back).size() > 1) continue;
      sum += layers.items[other].x;
      ++count;
    }
    const bool moves = !item.bend && count > 0 && (count > 1 || (item.*side).size() == 1);
    wanted[i] = moves ? sum / count : item.x;
    any = any || moves;
  }
  if (any) settle(layers, row, wanted, weight, gap);
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
    for (std::size_t i = 0; i < count; ++i) pull(layers, i, gap);
    for (std::size_t i = count; i-- > 0;) pull(layers, i, gap);
  }
  for (std::size_t i = 0; i < count; ++i) centre(layers, i, &LayerItem::above, &LayerItem::below, gap);
  for (std::size_t i = count; i-- > 0;) centre(layers, i, &LayerItem::below, &LayerItem::above, gap);
}

}  // namespace presswork::report
