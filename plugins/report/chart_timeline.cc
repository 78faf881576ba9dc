#include <algorithm>

#include "plugins/report/chart.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"

namespace presswork::summary {

namespace {

constexpr std::size_t kMostRows = 200;

const char* style_of(const Json& span) {
  const std::string state = text_of(span, "state");
  if (state == "failed" || state == "timed_out") return "bar bad";
  return span.at("cached") == true ? "bar pale" : "bar";
}

}  // namespace

std::string timeline_chart(const Json& timeline, const Phrases& say) {
  constexpr double kLeft = 220, kWidth = 430, kRow = 22;
  const std::size_t rows = std::min(timeline.size(), kMostRows);
  double all = 0;
  for (const Json& span : timeline) all = std::max(all, span.at("end").get<double>());
  if (all <= 0) all = 1;
  const double height = static_cast<double>(rows) * kRow + 34;
  Svg svg(760, height, say("{0} stages in {1}", {std::to_string(timeline.size()), seconds_text(all)}));
  const double unit = all > 7200 ? 3600 : all > 120 ? 60 : 1;
  const char* name_of_unit = unit == 3600 ? " h" : unit == 60 ? " min" : " s";
  for (const double tick : ticks(0, all / unit, 5)) {
    const double x = kLeft + tick * unit / all * kWidth;
    svg.line(x, 2, x, height - 26, "grid");
    svg.text(x, height - 10, coordinate(tick) + name_of_unit, "dim", "middle");
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const Json& span = timeline[i];
    const double start = span.at("start").get<double>(), end = span.at("end").get<double>();
    const double x = kLeft + start / all * kWidth, wide = std::max(1.5, (end - start) / all * kWidth);
    const double y = static_cast<double>(i) * kRow + 4;
    const std::string name = text_of(span, "stage");
    const std::string took = span.at("cached") == true ? say("cached") : seconds_text(end - start);
    svg.text(kLeft - 10, y + 13, shortened(name, 30), "", "end");
    svg.box(x, y + 2, wide, kRow - 8, style_of(span), name + ": " + took);
    svg.text(x + wide + 6, y + 13, took, "dim");
  }
  return svg.end();
}

}  // namespace presswork::summary
