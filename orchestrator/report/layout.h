// Where the nodes of a drawing go: the layered way of Sugiyama, Tagawa and Toda (1981). Nodes are put on
// ranks, needs above; each rank is ordered to have few crossings; places follow from what a node is connected
// to. The body of a loop is laid out first and is one large node around.
#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/report/drawing.h"

namespace presswork::report {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;  // the upper left corner and the size
};

// In pixels. An edge's points are met one after the other, from top to bottom; between two of the same x the
// line is straight. It has none when another edge between the same nodes, or frames, stands for it.
struct Layout {
  double width = 0, height = 0;
  std::vector<Box> nodes;                 // as in the drawing
  std::vector<std::vector<Point>> edges;  // as in the drawing
  std::vector<Point> labels;              // of edges: the middle of a branch's label
};

Layout lay_out(const Drawing& drawing);

constexpr double kFrameTop = 42, kFrameSide = 18, kFrameRight = 46, kFrameBottom = 20;

// Columns of text in a sans-serif font of that size, in pixels, rather too wide than too narrow.
double text_width(std::string_view text, double size);

// The label of a node as it is drawn: at most so long that boxes stay small.
std::string short_label(const DrawnNode& node);
std::string short_uses(const DrawnNode& node);

}  // namespace presswork::report
