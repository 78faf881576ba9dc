#include "orchestrator/report/layout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "orchestrator/report/layers.h"
#include "orchestrator/report/stage_line.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

constexpr double kGapX = 26, kGapY = 34, kMargin = 16;

// One level of the drawing: the children of a frame, or of the page.
struct Level {
  std::vector<std::size_t> nodes;  // of the drawing
  std::vector<std::size_t> edges;
};

Box size_of(const DrawnNode& node) {
  const double label = text_width(short_label(node), 13) * 1.06, uses = text_width(short_uses(node), 11);
  const double note = node.note.empty() ? 0 : text_width(node.note, 11);
  if (node.shape == DrawnNode::Shape::decision) return {0, 0, std::max(label, note) + 76, 66};
  const bool two = !node.uses.empty();
  const double upper = label + 42;
  const double lower = uses + (note > 0 ? note + 14 : 0) + 24;
  return {0, 0, std::max({upper, two || note > 0 ? lower : 0, 96.0}), two || note > 0 ? 48.0 : 36.0};
}

class Engine {
 public:
  explicit Engine(const Drawing& drawing) : drawing_(drawing) {
    layout.nodes.resize(drawing.nodes.size());
    layout.edges.resize(drawing.edges.size());
    layout.labels.resize(drawing.edges.size());
    for (std::size_t i = 0; i < drawing.nodes.size(); ++i)
      levels_[drawing.nodes[i].parent].nodes.push_back(i);
    lift_edges();
    const Box page = lay_out(kNoNode);
    layout.width = page.width;
    layout.height = page.height;
  }

  Layout layout;

 private:
  std::vector<std::size_t> ancestors(std::size_t node) const {  // itself first
    std::vector<std::size_t> chain;
    for (; node != kNoNode; node = drawing_.nodes[node].parent) chain.push_back(node);
    return chain;
  }

  // Each edge belongs to the level on which both its ends have an ancestor, and joins those.
  void lift_edges() {
    std::map<std::pair<std::size_t, std::size_t>, bool> known;
    ends_.resize(drawing_.edges.size());
    for (std::size_t i = 0; i < drawing_.edges.size(); ++i) {
      auto from = ancestors(drawing_.edges[i].from), to = ancestors(drawing_.edges[i].to);
      while (from.size() > 1 && to.size() > 1 && from.back() == to.back()) from.pop_back(), to.pop_back();
      if (from.back() == to.back()) continue;  // within the frame that it leads to or from
      if (!known.emplace(std::pair(from.back(), to.back()), true).second) continue;
      ends_[i] = {from.back(), to.back()};
      levels_[drawing_.nodes[from.back()].parent].edges.push_back(i);
    }
  }

  // Lays a level out from (0, 0) on and gives its size; what is in it moves later with its frame.
  Box lay_out(std::size_t frame) {
    const Level level = levels_[frame];
    std::vector<std::size_t> group(drawing_.nodes.size());
    std::iota(group.begin(), group.end(), 0);
    const std::function<std::size_t(std::size_t)> root = [&](std::size_t i) {
      while (group[i] != i) i = group[i] = group[group[i]];
      return i;
    };
    for (const std::size_t edge : level.edges) group[root(ends_[edge].first)] = root(ends_[edge].second);
    std::map<std::size_t, Level> parts;
    std::vector<std::size_t> order;
    for (const std::size_t node : level.nodes) {
      size(node);
      if (parts[root(node)].nodes.empty()) order.push_back(root(node));
      parts[root(node)].nodes.push_back(node);
    }
    for (const std::size_t edge : level.edges) parts[root(ends_[edge].first)].edges.push_back(edge);
    std::vector<Box> boxes;
    for (const std::size_t part : order) boxes.push_back(lay_out(parts[part]));
    return pack(parts, order, boxes);
  }

  void size(std::size_t node) {
    Box& box = layout.nodes[node];
    if (levels_.find(node) == levels_.end()) {
      box = size_of(drawing_.nodes[node]);
      return;
    }
    const Box inner = lay_out(node);
    const double title = text_width(short_label(drawing_.nodes[node]), 13) +
                         text_width(drawing_.nodes[node].note + drawing_.nodes[node].again, 11) + 90;
    const double needed = inner.width + kFrameSide + kFrameRight;
    box.width = std::max(needed, title);
    box.height = inner.height + kFrameTop + kFrameBottom;
    const double left = kFrameSide + (box.width - needed) / 2;
    for (const std::size_t child : levels_[node].nodes) move_with_children(child, left, kFrameTop);
    for (const std::size_t edge : levels_[node].edges) move_edge(edge, left, kFrameTop);
  }

  void move_with_children(std::size_t node, double x, double y) {
    layout.nodes[node].x += x;
    layout.nodes[node].y += y;
    const auto level = levels_.find(node);
    if (level == levels_.end()) return;
    for (const std::size_t child : level->second.nodes) move_with_children(child, x, y);
    for (const std::size_t edge : level->second.edges) move_edge(edge, x, y);
  }

  void move_edge(std::size_t edge, double x, double y) {
    for (Point& point : layout.edges[edge]) point.x += x, point.y += y;
    layout.labels[edge].x += x;
    layout.labels[edge].y += y;
  }

  // What is not connected lies in rows, about as wide as high.
  Box pack(std::map<std::size_t, Level>& parts, const std::vector<std::size_t>& order,
           const std::vector<Box>& boxes) {
    double area = 0, widest = 0;
    for (const Box& box : boxes) {
      area += (box.width + kGapX) * (box.height + kGapY);
      widest = std::max(widest, box.width);
    }
    const double room = std::max(widest, std::sqrt(area * 1.7));
    Box page;
    double x = 0, y = 0, row = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (x > 0 && x + boxes[i].width > room) x = 0, y += row + kGapY, row = 0;
      for (const std::size_t node : parts[order[i]].nodes) move_with_children(node, x, y);
      for (const std::size_t edge : parts[order[i]].edges) move_edge(edge, x, y);
      page.width = std::max(page.width, x + boxes[i].width);
      page.height = std::max(page.height, y + boxes[i].height);
      x += boxes[i].width + kGapX;
      row = std::max(row, boxes[i].height);
    }
    return page;
  }

  Box lay_out(const Level& part) {
    std::map<std::size_t, std::size_t> place;
    std::vector<Box> sizes;
    for (const std::size_t node : part.nodes) {
      place[node] = sizes.size();
      sizes.push_back(layout.nodes[node]);
    }
    std::vector<LayerEdge> edges;
    for (const std::size_t edge : part.edges) {
      const DrawnEdge& drawn = drawing_.edges[edge];
      edges.push_back({place[ends_[edge].first], place[ends_[edge].second],
                       drawn.branch ? text_width(drawn.label, 11) + 12 : 0});
    }
    Layers layers = make_layers(sizes, edges);
    order_ranks(layers);
    place_items(layers, kGapX);
    return draw(part, layers);
  }

  Box draw(const Level& part, Layers& layers) {
    double left = 0, right = 0;
    for (const LayerItem& item : layers.items) {
      left = std::min(left, item.x - item.width / 2);
      right = std::max(right, item.x + item.width / 2);
    }
    for (LayerItem& item : layers.items) item.x -= left;
    std::vector<double> top, height;
    double y = 0;
    for (const auto& rank : layers.ranks) {
      double most = 0;
      for (const std::size_t item : rank) most = std::max(most, layers.items[item].height);
      top.push_back(y);
      height.push_back(most);
      // Long slanting edges need more room to be told apart.
      y += most + kGapY + std::min(26.0, static_cast<double>(rank.size()) * 1.2);
    }
    for (std::size_t i = 0; i < part.nodes.size(); ++i) {
      const LayerItem& item = layers.items[i];
      Box& box = layout.nodes[part.nodes[i]];
      const double dx = item.x - item.width / 2, dy = top[item.rank] + (height[item.rank] - item.height) / 2;
      move_with_children(part.nodes[i], dx - box.x, dy - box.y);
    }
    for (std::size_t i = 0; i < part.edges.size(); ++i) route(part.edges[i], layers, i, top, height);
    const double bottom = layers.ranks.empty() ? 0 : top.back() + height.back();
    return {0, 0, right - left, bottom};
  }

  void route(std::size_t edge, const Layers& layers, std::size_t index, const std::vector<double>& top,
             const std::vector<double>& height) {
    const std::vector<std::size_t>& path = layers.paths[index];
    std::vector<Point>& points = layout.edges[edge];
    for (std::size_t i = 0; i < path.size(); ++i) {
      const LayerItem& item = layers.items[path[i]];
      const double upper = top[item.rank], lower = upper + height[item.rank];
      const double middle = (upper + lower) / 2;
      if (i == 0) {
        const double x = port(layers, path[0], path[1], item.below);
        points.push_back({x, middle + item.height / 2});
        if (lower > middle + item.height / 2 + 0.5) points.push_back({x, lower});
      } else if (i + 1 == path.size()) {
        const double x = port(layers, path[i], path[i - 1], item.above);
        if (upper < middle - item.height / 2 - 0.5) points.push_back({x, upper});
        points.push_back({x, middle - item.height / 2});
      } else {
        if (item.width > 4) layout.labels[edge] = {item.x, middle};
        points.push_back({item.x, upper});
        if (lower > upper) points.push_back({item.x, lower});
      }
    }
    if (layers.reversed[index]) std::reverse(points.begin(), points.end());
  }

  // Where an edge meets a node: beside the node's other edges, in the order of where they lead.
  static double port(const Layers& layers, std::size_t node, std::size_t other,
                     const std::vector<std::size_t>& all) {
    std::size_t before = 0;
    for (const std::size_t one : all) {
      if (layers.items[one].place < layers.items[other].place) ++before;
    }
    const LayerItem& item = layers.items[node];
    if (item.bend || all.size() < 2) return item.x;
    const double room = std::max(0.0, item.width * 0.6);
    const double step = std::min(16.0, room / static_cast<double>(all.size() - 1));
    return item.x + step * (static_cast<double>(before) - static_cast<double>(all.size() - 1) / 2);
  }

  const Drawing& drawing_;
  std::map<std::size_t, Level> levels_;  // by frame; kNoNode is the page
  std::vector<std::pair<std::size_t, std::size_t>> ends_;
};

}  // namespace

Layout lay_out(const Drawing& drawing) {
  Layout layout = std::move(Engine(drawing).layout);
  for (Box& box : layout.nodes) box.x += kMargin, box.y += kMargin;
  for (auto& points : layout.edges) {
    for (Point& point : points) point.x += kMargin, point.y += kMargin;
  }
  for (Point& label : layout.labels) label.x += kMargin, label.y += kMargin;
  layout.width += 2 * kMargin;
  layout.height += 2 * kMargin;
  return layout;
}

double text_width(std::string_view text, double size) {
  double sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t next = at + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    const std::string_view one = text.substr(at, next - at);
    if (one.size() > 1) {
      sum += 0.56 * static_cast<double>(display_width(one)) + (display_width(one) == 2 ? 0 : 0.08);
    } else if (std::string_view("iljtfr.,:;'|!()[]/ ").find(one[0]) != std::string_view::npos) {
      sum += 0.36;
    } else if (std::string_view("mwMW@%").find(one[0]) != std::string_view::npos) {
      sum += 0.92;
    } else {
      sum += one[0] >= 'A' && one[0] <= 'Z' ? 0.7 : 0.58;
    }
    at = next;
  }
  return sum * size;
}

std::string short_label(const DrawnNode& node) { return shorten(node.label, 34); }
std::string short_uses(const DrawnNode& node) { return shorten(node.uses, 36); }

}  // namespace presswork::report
