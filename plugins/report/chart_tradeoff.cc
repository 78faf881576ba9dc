// Perplexity against size: candidates as predicted, models as measured, and the line of those that no other
// candidate beats in both.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/report/chart.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"

namespace presswork::summary {

namespace {

struct Point {
  double bytes, value;  // value: perplexity, or loss in percent where no perplexity was measured
  std::string name;
  bool measured, marked;
};

std::vector<Point> points_of(const Json& tradeoff, bool perplexity) {
  std::vector<Point> points;
  const double base = perplexity ? tradeoff.at("baseline_perplexity").get<double>() : 0;
  for (const Json& one : tradeoff.at("candidates")) {
    const auto bytes = number_of(one, "bytes"), loss = number_of(one, "loss_percent");
    if (!bytes || !loss) continue;
    points.push_back({*bytes, perplexity ? base * (1 + *loss / 100) : *loss, text_of(one, "name"), false,
                      one.at("recommended") == true});
  }
  if (!perplexity) return points;
  for (const Json& one : tradeoff.at("measured"))
    points.push_back({one.at("bytes").get<double>(), one.at("perplexity").get<double>(), text_of(one, "name"),
                      true, one.at("original") == true || one.at("result") == true});
  return points;
}

// Of the predicted points those that are not beaten, by rising size.
std::vector<Point> pareto(const std::vector<Point>& points) {
  std::vector<Point> line;
  for (const Point& point : points) {
    if (!point.measured) line.push_back(point);
  }
  std::sort(line.begin(), line.end(), [](const Point& a, const Point& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.value < b.value;
  });
  double best = std::numeric_limits<double>::infinity();
  std::erase_if(line, [&](const Point& point) {
    if (point.value >= best) return true;
    best = point.value;
    return false;
  });
  return line;
}

class Plot {
 public:
  Plot(const std::vector<Point>& points, bool logarithmic) : log_(logarithmic) {
    for (const Point& p : points) {
      left_ = std::min(left_, p.bytes), right_ = std::max(right_, p.bytes);
      low_ = std::min(low_, y_of(p.value)), high_ = std::max(high_, y_of(p.value));
    }
    const double wide = std::max(right_ - left_, right_ * 0.02), high = std::max(high_ - low_, 0.02);
    left_ = std::max(0.0, left_ - wide * 0.06), right_ += wide * 0.06;
    low_ -= high * 0.14, high_ += high * 0.06;
  }
  double x(double bytes) const { return kLeft + (bytes - left_) / (right_ - left_) * kWidth; }
  double y(double value) const { return kTop + (high_ - y_of(value)) / (high_ - low_) * kHeight; }

  void axes(Svg& svg, const std::string& across, const std::string& up) const {
    svg.line(kLeft, kTop + kHeight, kLeft + kWidth, kTop + kHeight, "axis");
    svg.line(kLeft, kTop, kLeft, kTop + kHeight, "axis");
    for (const double tick : ticks(left_ / 1048576, right_ / 1048576, 5)) {
      const double at = x(tick * 1048576);
      svg.line(at, kTop + kHeight, at, kTop + kHeight + 5, "axis");
      svg.text(at, kTop + kHeight + 19, coordinate(tick), "dim", "middle");
    }
    for (const double tick : values()) {
      svg.line(kLeft, y(tick), kLeft + kWidth, y(tick), "grid");
      svg.text(kLeft - 8, y(tick) + 4, coordinate(tick), "dim", "end");
    }
    svg.text(kLeft + kWidth, kTop + kHeight + 38, across, "dim", "end");
    svg.text(kLeft - 60, kTop - 12, up, "dim");
  }

  static constexpr double kLeft = 74, kTop = 34, kWidth = 650, kHeight = 290;

 private:
  double y_of(double value) const { return log_ ? std::log10(std::max(value, 1e-9)) : value; }
  std::vector<double> values() const {
    if (!log_) return ticks(low_, high_, 5);
    std::vector<double> found;
    for (int power = static_cast<int>(std::floor(low_)); power <= static_cast<int>(std::ceil(high_));
         ++power) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        const double tick = digit * std::pow(10, power);
        if (std::log10(tick) >= low_ && std::log10(tick) <= high_) found.push_back(tick);
      }
    }
    return found;
  }

  bool log_;
  double left_ = std::numeric_limits<double>::max(), right_ = 0;
  double low_ = std::numeric_limits<double>::max(), high_ = std::numeric_limits<double>::lowest();
};

bool spread_out(const std::vector<Point>& points) {
  const auto [low, high] = std::minmax_element(
      points.begin(), points.end(), [](const Point& a, const Point& b) { return a.value < b.value; });
  return low->value > 0 && high->value / low->value > 3;
}

void name(Svg& svg, const Point& point, const Plot& plot, double lift) {
  const double x = plot.x(point.bytes);
  const bool right = x > Plot::kLeft + Plot::kWidth * 0.7;
  svg.text(x + (right ? -10 : 10), plot.y(point.value) + lift, shortened(point.name, 34), "strong",
           right ? "end" : "start");
}

}  // namespace

std::string tradeoff_chart(const Json& tradeoff, const Phrases& say) {
  const bool perplexity = tradeoff.at("baseline_perplexity").is_number();
  const std::vector<Point> points = points_of(tradeoff, perplexity);
  if (points.empty()) return "";
  const bool logarithmic = spread_out(points);
  const Plot plot(points, logarithmic);
  const std::string up =
      (perplexity ? say("Perplexity") : say("Loss") + " (%)") + (logarithmic ? say(", logarithmic") : "");
  Svg svg(760, 372, say("Perplexity against size of {0} models", {std::to_string(points.size())}));
  plot.axes(svg, say("Size") + " (MiB)", up);
  std::string line;
  for (const Point& point : pareto(points))
    line +=
        (line.empty() ? "M" : "L") + coordinate(plot.x(point.bytes)) + " " + coordinate(plot.y(point.value));
  if (!line.empty()) svg.path(line, "front");
  for (const Point& point : points) {
    const std::string hint = point.name + ": " + bytes_text(point.bytes) + ", " + fixed(point.value, 2);
    svg.circle(plot.x(point.bytes), plot.y(point.value), point.measured ? 6 : 5,
               point.measured ? "point measured"
               : point.marked ? "point chosen"
                              : "point",
               hint);
    // The chosen candidate and its measurement lie close to each other.
    if (point.marked) name(svg, point, plot, point.measured ? 20 : -10);
  }
  return svg.end();
}

}  // namespace presswork::summary
