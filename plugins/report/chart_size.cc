// The waterfall: the size of the weights after each step, and what each one took away.
#include <algorithm>

#include "plugins/report/chart.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"

namespace presswork::summary {

std::string size_chart(const Json& sizes, const Phrases& say) {
  constexpr double kLeft = 190, kWidth = 400, kRow = 34;
  double most = 0;
  for (const Json& step : sizes)
    most = std::max(most, step.at("bytes").get<double>() - std::min(0.0, step.at("change").get<double>()));
  if (most <= 0) most = 1;
  const double first = sizes.front().at("bytes").get<double>(), last = sizes.back().at("bytes").get<double>();
  const std::size_t rows = sizes.size() + (sizes.size() > 1 ? 1 : 0);
  const double height = static_cast<double>(rows) * kRow + 12;
  Svg svg(760, height, say("Size of the weights, from {0} to {1}", {bytes_text(first), bytes_text(last)}));
  const auto at = [&](double bytes) { return kLeft + bytes / most * kWidth; };
  double y = 6;
  const auto row = [&](const std::string& name, double low, double high, const char* style,
                       const std::string& note) {
    svg.text(kLeft - 10, y + 18, shortened(name, 26), "", "end");
    svg.box(at(low), y + 3, std::max(1.5, at(high) - at(low)), kRow - 12, style, name);
    svg.text(at(high) + 8, y + 18, note);
    y += kRow;
  };
  row(text_of(sizes.front(), "stage"), 0, first, "bar", bytes_text(first));
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    const double now = sizes[i].at("bytes").get<double>(), change = sizes[i].at("change").get<double>();
    svg.line(at(now - change), y - 9, at(now - change), y + 3, "axis");
    row(text_of(sizes[i], "stage"), std::min(now, now - change), std::max(now, now - change),
        change > 0 ? "bar bad" : "bar good", (change > 0 ? "+" : "") + bytes_text(change));
  }
  if (sizes.size() > 1) {
    svg.line(at(last), y - 9, at(last), y + 3, "axis");
    row(say("Result"), 0, last, "bar", bytes_text(last));
  }
  return svg.end();
}

}  // namespace presswork::summary
