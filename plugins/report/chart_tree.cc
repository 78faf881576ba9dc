// The guide's tree, with the way that the run took through it.
#include <array>
#include <map>
#include <set>

#include "plugins/report/chart.h"

namespace presswork::summary {

namespace {

struct Node {
  char letter;
  double x, y;
  bool decision;
  const char* text;
};

constexpr double kWide = 172, kHigh = 34, kDiamondWide = 236, kDiamondHigh = 62;

constexpr std::array<Node, 12> kNodes{{{'A', 380, 26, false, "load the model"},
                                       {'B', 380, 96, true, "memory over the limit?"},
                                       {'C', 200, 168, false, "quantize"},
                                       {'D', 570, 168, true, "performance satisfied?"},
                                       {'E', 200, 250, true, "good after compression?"},
                                       {'G', 104, 342, false, "prune, distil"},
                                       {'F', 380, 342, false, "engine optimization"},
                                       {'H', 650, 342, false, "engine optimization"},
                                       {'I', 380, 412, false, "deployment test"},
                                       {'J', 380, 482, true, "passed?"},
                                       {'K', 570, 548, false, "production"},
                                       {'L', 190, 548, false, "adjust the strategy"}}};

struct Edge {
  char from, to;
  const char* branch;
  const char* path;
  double x, y;  // of the branch's name
};

constexpr std::array<Edge, 15> kEdges{{{'A', 'B', "", "M380 43V65", 0, 0},
                                       {'B', 'C', "yes", "M262 96H200V151", 230, 90},
                                       {'B', 'D', "no", "M498 96H570V137", 532, 90},
                                       {'C', 'E', "", "M200 185V219", 0, 0},
                                       {'D', 'F', "yes", "M452 168H380V325", 416, 162},
                                       {'D', 'H', "no", "M650 178V325", 664, 250},
                                       {'E', 'F', "yes", "M318 250H340V325", 330, 244},
                                       {'E', 'G', "no", "M104 256V325", 90, 290},
                                       {'G', 'I', "", "M104 359V412H294", 0, 0},
                                       {'F', 'I', "", "M380 359V395", 0, 0},
                                       {'H', 'I', "", "M650 359V412H466", 0, 0},
                                       {'I', 'J', "", "M380 429V451", 0, 0},
                                       {'J', 'K', "yes", "M498 482H570V531", 532, 476},
                                       {'J', 'L', "no", "M262 482H190V531", 226, 476},
                                       {'L', 'C', "", "M104 548H4V168H114", 0, 0}}};

// The edges that were walked: those between one visit and the next.
std::set<std::string> walked(const Json& visits) {
  std::set<std::string> edges;
  std::string before;
  for (const Json& visit : visits) {
    const std::string node = text_of(visit, "node");
    if (!before.empty()) edges.insert(before + node);
    before = node;
  }
  return edges;
}

}  // namespace

std::string tree_chart(const Json& visits, const Phrases& say) {
  std::map<char, std::string> visited;
  std::string way;
  for (const Json& visit : visits) {
    const std::string node = text_of(visit, "node"), branch = text_of(visit, "branch");
    visited[node[0]] = branch;
    way += (way.empty() ? "" : ", ") + node + (branch.empty() ? "" : " " + say.known(branch));
  }
  const std::set<std::string> edges = walked(visits);
  Svg svg(760, 580, say("Decision path") + ": " + way);
  for (const bool taken : {false, true}) {  // the taken ones lie on top
    for (const Edge& edge : kEdges) {
      if (edges.contains({edge.from, edge.to}) != taken) continue;
      svg.path(edge.path, taken ? "way taken" : "way");
      if (*edge.branch != 0) svg.text(edge.x, edge.y, say(edge.branch), taken ? "strong" : "dim", "middle");
    }
  }
  for (const Node& node : kNodes) {
    const char* style = visited.contains(node.letter) ? "node taken" : "node";
    if (node.decision) {
      svg.diamond(node.x, node.y, kDiamondWide, kDiamondHigh, style);
    } else {
      svg.box(node.x - kWide / 2, node.y - kHigh / 2, kWide, kHigh, style);
    }
    svg.text(node.x, node.y + 4, std::string(1, node.letter) + "  " + say(node.text),
             visited.contains(node.letter) ? "" : "dim", "middle");
  }
  return svg.end();
}

}  // namespace presswork::summary
