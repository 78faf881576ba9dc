#include "orchestrator/report/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "orchestrator/report/graph.h"
#include "orchestrator/report/layout.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using Shape = DrawnNode::Shape;

struct Colours {
  const char* state;
  const char *light_fill, *light_line, *dark_fill, *dark_line;
};
constexpr Colours kColours[] = {{"succeeded", "#e7f6ec", "#2f9e55", "#12291b", "#3fb950"},
                                {"cached", "#e4f2fa", "#2a8cb8", "#0f2733", "#4fb3d9"},
                                {"failed", "#fdeaea", "#cf3341", "#2d1416", "#f85149"},
                                {"timed_out", "#fdeaea", "#cf3341", "#2d1416", "#f85149"},
                                {"running", "#fff5d6", "#b98200", "#2e2408", "#d29922"},
                                {"cancelled", "#f1ecfb", "#8a63c9", "#211a30", "#a78bfa"},
                                {"interrupted", "#f1ecfb", "#8a63c9", "#211a30", "#a78bfa"}};

// A sign for those who cannot tell the colours.
const char* mark_of(const std::string& state) {
  if (state == "succeeded") return "✓";
  if (state == "cached") return "●";
  if (state == "failed" || state == "timed_out") return "✗";
  if (state == "running") return "▶";
  if (state == "skipped") return "–";
  if (state == "cancelled" || state == "interrupted") return "■";
  return state.empty() ? "" : "○";
}

std::string px(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  std::string out = text;
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

std::string palette(bool dark) {
  const auto pick = [dark](const char* light, const char* in_the_dark) {
    return std::string(dark ? in_the_dark : light);
  };
  std::string css = ".page{fill:" + pick("#ffffff", "#0d1117") + "}";
  css += ".graph text{fill:" + pick("#1f2328", "#e6edf3") + "}";
  css += ".graph .dim{fill:" + pick("#57606a", "#9aa4af") + "}";
  css += ".box{fill:" + pick("#f6f8fa", "#161b22") + ";stroke:" + pick("#a8b1bb", "#4b535d") + "}";
  css += ".frame{fill:" + pick("#57606a", "#9aa4af") + ";stroke:" + pick("#8b949e", "#6e7681") + "}";
  css += ".edge{stroke:" + pick("#7d8590", "#7d8590") + "}.head{fill:" + pick("#7d8590", "#7d8590") + "}";
  css += ".edge.idle{stroke:" + pick("#ccd2d9", "#323941") +
         "}.head.idle{fill:" + pick("#ccd2d9", "#323941") + "}";
  css += ".edge.critical{stroke:" + pick("#d9730d", "#f0883e") +
         "}.head.critical{fill:" + pick("#d9730d", "#f0883e") + "}";
  css += ".halo{stroke:" + pick("#d9730d", "#f0883e") + "}";
  css += ".tag{fill:" + pick("#ffffff", "#0d1117") + "}.pill{fill:" + pick("#57606a", "#9aa4af") + "}";
  css += ".graph .onpill{fill:" + pick("#ffffff", "#0d1117") + "}";
  for (const Colours& colours : kColours) {
    const std::string state = std::string(".") + colours.state;
    css += state + " .box{fill:" + pick(colours.light_fill, colours.dark_fill) +
           ";stroke:" + pick(colours.light_line, colours.dark_line) + "}";
    css += ".loop" + state + " .frame{stroke:" + pick(colours.light_line, colours.dark_line) + "}";
    css += ".graph " + state + " .mark{fill:" + pick(colours.light_line, colours.dark_line) + "}";
  }
  return css;
}

class Svg {
 public:
  explicit Svg(const Drawing& drawing) : drawing_(drawing), layout_(lay_out(drawing)) {
    for (const DrawnNode& node : drawing.nodes) has_children_.push_back(false), (void)node;
    for (const DrawnNode& node : drawing.nodes) {
      if (node.parent != kNoNode) has_children_[node.parent] = true;
    }
  }

  // `header`: room for the title above.
  std::string text(bool header) {
    const double top = header && !drawing_.title.empty() ? 48 : 0;
    const double width = std::max(layout_.width, header ? text_width(drawing_.title, 18) + 40 : 0);
    const std::string size = px(width) + " " + px(layout_.height + top);
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"0 " + px(-top) + " " + size +
           "\" width=\"" + px(width) + "\" height=\"" + px(layout_.height + top) +
           "\" role=\"img\" aria-labelledby=\"graph-title\">\n";
    out_ += "<title id=\"graph-title\">" + xml_text(drawing_.title) + "</title>\n<style>" + svg_style() +
            "</style>\n<defs>";
    for (const char* kind : {"plain", "idle", "critical"}) {
      out_ += std::string("<marker id=\"") + kind +
              "\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" "
              "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head " +
              kind + "\" d=\"M0 1L10 5L0 9z\"/></marker>";
    }
    out_ += "</defs>\n";
    if (header) {
      out_ += "<rect class=\"page\" x=\"0\" y=\"" + px(-top) + "\" width=\"100%\" height=\"100%\"/>\n";
      if (top > 0) {
        out_ += "<text x=\"16\" y=\"-24\" font-size=\"18\" font-weight=\"600\">" + xml_text(drawing_.title) +
                "</text>\n<text class=\"dim\" x=\"16\" y=\"-6\" font-size=\"12\">" +
                xml_text(truncate(one_line(drawing_.subtitle), static_cast<std::size_t>(width / 7))) +
                "</text>\n";
      }
    }
    for (std::size_t i = 0; i < drawing_.nodes.size(); ++i) {
      if (has_children_[i]) frame(i);
    }
    for (const bool critical : {false, true}) {  // the critical path lies above
      for (std::size_t i = 0; i < drawing_.edges.size(); ++i) {
        if (drawing_.edges[i].critical == critical) edge(i);
      }
    }
    for (std::size_t i = 0; i < drawing_.edges.size(); ++i) label(i);
    for (std::size_t i = 0; i < drawing_.nodes.size(); ++i) {
      if (!has_children_[i]) node(i);
    }
    return std::move(out_) + "</svg>\n";
  }

 private:
  void open(std::size_t index, const char* kind) {
    const DrawnNode& node = drawing_.nodes[index];
    out_ += std::string("<g class=\"") + kind + " " + xml_text(node.state) +
            (node.critical ? " critical" : "") + "\" id=\"n" + std::to_string(index) +
            "\" tabindex=\"0\"><title>" + xml_text(summary_of(node)) + "</title>";
  }

  void edge(std::size_t index) {
    const std::vector<Point>& points = layout_.edges[index];
    if (points.size() < 2) return;
    const DrawnEdge& edge = drawing_.edges[index];
    const std::string state_to = drawing_.nodes[edge.to].state;
    const bool idle = !edge.taken || state_to == "skipped" || drawing_.nodes[edge.from].state == "skipped";
    const char* kind = edge.critical ? "critical" : idle ? "idle" : "plain";
    std::string path = "M" + px(points[0].x) + " " + px(points[0].y);
    for (std::size_t i = 1; i < points.size(); ++i) {
      const Point &a = points[i - 1], &b = points[i];
      if (std::abs(a.x - b.x) < 0.3) {
        path += "L" + px(b.x) + " " + px(b.y);
        continue;
      }
      const double middle = (a.y + b.y) / 2;
      path +=
          "C" + px(a.x) + " " + px(middle) + " " + px(b.x) + " " + px(middle) + " " + px(b.x) + " " + px(b.y);
    }
    out_ += std::string("<path class=\"edge ") + kind + (edge.solid ? "" : " dashed") + "\" d=\"" + path +
            "\" marker-end=\"url(#" + kind + ")\"><title>" +
            xml_text(drawing_.nodes[edge.from].id + " → " + drawing_.nodes[edge.to].id +
                     (edge.label.empty() ? "" : ": " + edge.label)) +
            "</title></path>\n";
  }

  void label(std::size_t index) {
    const DrawnEdge& edge = drawing_.edges[index];
    if (!edge.branch || layout_.edges[index].empty()) return;
    const Point& at = layout_.labels[index];
    const double width = text_width(edge.label, 11) + 8;
    out_ += "<rect class=\"tag\" x=\"" + px(at.x - width / 2) + "\" y=\"" + px(at.y - 8) + "\" width=\"" +
            px(width) + "\" height=\"16\"/><text class=\"" + (edge.taken ? "branch" : "branch dim") +
            "\" x=\"" + px(at.x) + "\" y=\"" + px(at.y + 4) + "\" text-anchor=\"middle\">" +
            xml_text(edge.label) + "</text>\n";
  }

  std::string rect(const char* kind, const Box& box, double by, double radius) const {
    return std::string("<rect class=\"") + kind + "\" x=\"" + px(box.x + by) + "\" y=\"" + px(box.y + by) +
           "\" width=\"" + px(box.width) + "\" height=\"" + px(box.height) + "\" rx=\"" + px(radius) + "\"/>";
  }

  static std::string hexagon(const char* kind, const Box& box) {
    constexpr double slant = 9;
    const double left = box.x - slant / 2, right = box.x + box.width + slant / 2;
    return std::string("<path class=\"") + kind + "\" d=\"M" + px(left + slant) + " " + px(box.y) + "H" +
           px(right - slant) + "L" + px(right) + " " + px(box.y + box.height / 2) + "L" + px(right - slant) +
           " " + px(box.y + box.height) + "H" + px(left + slant) + "L" + px(left) + " " +
           px(box.y + box.height / 2) + "z\"/>";
  }

  void node(std::size_t index) {
    const DrawnNode& node = drawing_.nodes[index];
    const Box& box = layout_.nodes[index];
    open(index, "node");
    if (node.shape == Shape::decision) {
      diamond(node, box);
      out_ += "</g>\n";
      return;
    }
    const Box around{box.x - 3.5, box.y - 3.5, box.width + 7, box.height + 7};
    const bool select = node.shape == Shape::select;
    if (node.critical) out_ += select ? hexagon("halo", around) : rect("halo", around, 0, 11);
    if (node.stacked) out_ += rect("box", box, 8, 8) + rect("box", box, 4, 8);
    out_ += select ? hexagon("box", box) : rect("box", box, 0, 8);
    const bool two = !node.uses.empty() || !node.note.empty();
    const double first = two ? box.y + 20 : box.y + box.height / 2 + 4.5;
    double x = box.x + 12;
    if (!node.state.empty()) {
      out_ += "<text class=\"mark\" x=\"" + px(x) + "\" y=\"" + px(first) + "\">" + mark_of(node.state) +
              "</text>";
      x += 17;
    }
    out_ += "<text class=\"name\" x=\"" + px(x) + "\" y=\"" + px(first) + "\">" +
            xml_text(short_label(node)) + "</text>";
    if (!node.uses.empty()) {
      out_ += "<text class=\"dim small\" x=\"" + px(box.x + 12) + "\" y=\"" + px(box.y + 38) + "\">" +
              xml_text(short_uses(node)) + "</text>";
    }
    if (!node.note.empty()) {
      out_ += "<text class=\"small\" text-anchor=\"end\" x=\"" + px(box.x + box.width - 10) + "\" y=\"" +
              px(box.y + 38) + "\">" + xml_text(node.note) + "</text>";
    }
    pill(node, box.x + box.width + (node.stacked ? 4 : 0), box.y);
    out_ += "</g>\n";
  }

  void pill(const DrawnNode& node, double right, double top) {
    if (!node.stacked && node.count < 2) return;
    const std::string text = node.count > 1 ? "×" + std::to_string(node.count) : "×n";
    const double width = text_width(text, 11) + 14;
    out_ += "<rect class=\"pill\" x=\"" + px(right - width + 6) + "\" y=\"" + px(top - 9) + "\" width=\"" +
            px(width) +
            "\" height=\"18\" rx=\"9\"/><text class=\"onpill small\" text-anchor=\"middle\" x=\"" +
            px(right - width / 2 + 6) + "\" y=\"" + px(top + 4) + "\">" + text + "</text>";
  }

  void diamond(const DrawnNode& node, const Box& box) {
    const double x = box.x + box.width / 2, y = box.y + box.height / 2;
    const auto shape = [&](const char* kind, double by) {
      return std::string("<path class=\"") + kind + "\" d=\"M" + px(x) + " " + px(box.y - by) + "L" +
             px(box.x + box.width + by * 1.8) + " " + px(y) + "L" + px(x) + " " +
             px(box.y + box.height + by) + "L" + px(box.x - by * 1.8) + " " + px(y) + "z\"/>";
    };
    if (node.critical) out_ += shape("halo", 4);
    out_ += shape("box", 0);
    const double shift = node.note.empty() ? 4.5 : -1;
    out_ += "<text class=\"name\" text-anchor=\"middle\" x=\"" + px(x) + "\" y=\"" + px(y + shift) + "\">" +
            xml_text(short_label(node)) + "</text>";
    if (!node.note.empty()) {
      out_ += "<text class=\"small mark\" text-anchor=\"middle\" x=\"" + px(x) + "\" y=\"" + px(y + 14) +
              "\">" + mark_of(node.state) + " " + xml_text(shorten_note(node.note)) + "</text>";
    }
    pill(node, x + box.width / 4, box.y + box.height / 4);
  }

  static std::string shorten_note(const std::string& note) { return truncate(one_line(note), 20); }

  void frame(std::size_t index) {
    const DrawnNode& node = drawing_.nodes[index];
    const Box& box = layout_.nodes[index];
    open(index, "loop");
    out_ += rect("frame", box, 0, 12);
    if (node.critical) out_ += rect("halo", box, 0, 12);
    double x = box.x + 14;
    if (!node.state.empty()) {
      out_ += "<text class=\"mark\" x=\"" + px(x) + "\" y=\"" + px(box.y + 22) + "\">" + mark_of(node.state) +
              "</text>";
      x += 17;
    }
    out_ += "<text class=\"name\" x=\"" + px(x) + "\" y=\"" + px(box.y + 22) + "\">" +
            xml_text(short_label(node)) + "</text>";
    if (!node.note.empty()) {
      out_ += "<text class=\"small\" x=\"" + px(x + text_width(short_label(node), 13) * 1.06 + 10) +
              "\" y=\"" + px(box.y + 22) + "\">" + xml_text(node.note) + "</text>";
    }
    if (!node.again.empty()) {
      out_ += "<text class=\"dim small\" text-anchor=\"end\" x=\"" + px(box.x + box.width - 14) + "\" y=\"" +
              px(box.y + 22) + "\">↻ " + xml_text(node.again) + "</text>";
      way_back(index);
    }
    out_ += "</g>\n";
  }

  // Along the right side of the body.
  void way_back(std::size_t index) {
    const Box& box = layout_.nodes[index];
    double body = box.x;
    for (std::size_t i = 0; i < drawing_.nodes.size(); ++i) {
      if (drawing_.nodes[i].parent == index)
        body = std::max(body, layout_.nodes[i].x + layout_.nodes[i].width);
    }
    const double low = box.y + box.height - 26, high = box.y + kFrameTop + 14;
    const double in = body + kFrameRight - 38, out = body + kFrameRight - 16;
    out_ += "<path class=\"edge plain\" d=\"M" + px(in) + " " + px(low) + "H" + px(out - 10) + "Q" + px(out) +
            " " + px(low) + " " + px(out) + " " + px(low - 10) + "V" + px(high + 10) + "Q" + px(out) + " " +
            px(high) + " " + px(out - 10) + " " + px(high) + "H" + px(in) + "\" marker-end=\"url(#plain)\"/>";
  }

  const Drawing& drawing_;
  Layout layout_;
  std::vector<bool> has_children_;
  std::string out_;
};

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string summary_of(const DrawnNode& node) {
  std::string text = node.id;
  if (!node.uses.empty()) text += "\n" + node.uses;
  for (const auto& [name, value] : node.details) text += "\n" + name + ": " + value;
  if (node.critical) text += "\non the critical path";
  return text;
}

std::string svg_style() {
  return ".graph{font-family:system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"Helvetica "
         "Neue\",Arial,sans-serif}"
         ".graph text{font-size:13px}.graph .name{font-weight:600}.graph .small{font-size:11px}"
         ".graph .branch{font-size:11px;font-weight:600}.graph .mark{font-weight:700}"
         ".box{stroke-width:1.2}.skipped .box{stroke-dasharray:4 3}.skipped{opacity:.62}.pending{opacity:.8}"
         ".frame{fill-opacity:.06;stroke-width:1.2;stroke-dasharray:6 4}"
         ".edge{fill:none;stroke-width:1.4}.edge.dashed{stroke-dasharray:4 4}.edge.critical{stroke-width:2.6}"
         ".halo{fill:none;stroke-width:2.2}" +
         palette(false) + "@media (prefers-color-scheme:dark){" + palette(true) + "}";
}

std::string bare_svg(const Drawing& drawing) { return Svg(drawing).text(false); }

std::string to_svg(const Drawing& drawing) { return Svg(drawing).text(true); }

}  // namespace presswork::report
