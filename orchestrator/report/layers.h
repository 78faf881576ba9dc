// One connected drawing without frames, on ranks.
#pragma once

#include <cstddef>
#include <vector>

#include "orchestrator/report/layout.h"

namespace presswork::report {

struct LayerEdge {
  std::size_t from = 0, to = 0;
  double label_width = 0;  // 0: it has none
};

// A node, a bend of an edge, or the label of one.
struct LayerItem {
  double width = 0, height = 0;
  double x = 0;  // of its middle
  std::size_t rank = 0, place = 0;
  std::vector<std::size_t> above, below;  // items on the next ranks that it is connected to
  bool bend = false;
};

struct Layers {
  std::vector<LayerItem> items;                 // first the nodes, in the order given
  std::vector<std::vector<std::size_t>> ranks;  // items from left to right
  std::vector<std::vector<std::size_t>> paths;  // by edge: its items from top to bottom
  std::vector<bool> reversed;                   // by edge: it runs upwards
};

// Ranks, bends and labels. Edges that share an end share their bends, so that a wide fan stays readable.
Layers make_layers(const std::vector<Box>& sizes, const std::vector<LayerEdge>& edges);

// Orders the ranks by barycentres, keeping the order with the fewest crossings.
void order_ranks(Layers& layers);

// Gives each item its x: near what it is connected to, `gap` apart from its neighbours.
void place_items(Layers& layers, double gap);

}  // namespace presswork::report
