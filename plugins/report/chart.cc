#include "plugins/report/chart.h"

#include <cmath>

#include "plugins/report/html_text.h"

namespace presswork::summary {

namespace {

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + coordinate(value) + "\"";
}

std::string of_class(const char* style) { return std::string(" class=\"") + style + "\""; }

std::string closed(const char* element, const std::string& hint) {
  if (hint.empty()) return "/>";
  return "><title>" + escape(hint) + "</title></" + element + ">";
}

}  // namespace

Svg::Svg(double width, double height, const std::string& label)
    : out_("<svg viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) +
           "\" role=\"img\" aria-label=\"" + escape(label) +
           "\" style=\"max-width:" + coordinate(width * 1.25) + "px\">") {}

void Svg::line(double x1, double y1, double x2, double y2, const char* style) {
  out_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) +
          of_class(style) + "/>";
}

void Svg::box(double x, double y, double width, double height, const char* style, const std::string& hint) {
  out_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", std::max(0.0, width)) +
          attribute("height", std::max(0.0, height)) + of_class(style) + closed("rect", hint);
}

void Svg::circle(double x, double y, double radius, const char* style, const std::string& hint) {
  out_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) + of_class(style) +
          closed("circle", hint);
}

void Svg::diamond(double x, double y, double width, double height, const char* style) {
  path("M" + coordinate(x) + " " + coordinate(y - height / 2) + "L" + coordinate(x + width / 2) + " " +
           coordinate(y) + "L" + coordinate(x) + " " + coordinate(y + height / 2) + "L" +
           coordinate(x - width / 2) + " " + coordinate(y) + "Z",
       style);
}

void Svg::text(double x, double y, const std::string& text, const char* style, const char* anchor) {
  out_ += "<text" + attribute("x", x) + attribute("y", y) + of_class(style) + " text-anchor=\"" + anchor +
          "\">" + escape(text) + "</text>";
}

void Svg::path(const std::string& data, const char* style) {
  out_ += "<path d=\"" + data + "\"" + of_class(style) + "/>";
}

std::string Svg::end() { return std::move(out_) + "</svg>"; }

std::vector<double> ticks(double low, double high, int count) {
  const double span = high - low;
  if (!(span > 0) || count < 1) return {low};
  const double rough = span / count, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = rough / power < 1.5   ? power
                      : rough / power < 3.5 ? 2 * power
                      : rough / power < 7.5 ? 5 * power
                                            : 10 * power;
  std::vector<double> found;
  for (double at = std::ceil(low / step) * step; at <= high + step * 1e-9 && found.size() < 50; at += step)
    found.push_back(at);
  return found;
}

}  // namespace presswork::summary
