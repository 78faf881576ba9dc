#include <algorithm>

#include "plugins/report/chart.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"

namespace presswork::summary {

std::string histogram_chart(const Json& histogram, const Phrases& say) {
  constexpr double kWidth = 240, kHeight = 96;
  const Json& counts = histogram.at("counts");
  double most = 1;
  for (const Json& count : counts) most = std::max(most, count.get<double>());
  const double low = histogram.at("minimum").get<double>(), high = histogram.at("maximum").get<double>();
  const std::string name = text_of(histogram, "modules");
  Svg svg(kWidth, kHeight + 40,
          say("Histogram of the weights of {0}, from {1} to {2}", {name, fixed(low, 3), fixed(high, 3)}));
  svg.text(0, 13, shortened(name, 30), "strong");
  const double wide = kWidth / static_cast<double>(std::max<std::size_t>(1, counts.size()));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double high_bar = counts[i].get<double>() / most * kHeight;
    if (high_bar > 0)
      svg.box(static_cast<double>(i) * wide, 20 + kHeight - std::max(high_bar, 0.6), wide * 0.9,
              std::max(high_bar, 0.6), "bar");
  }
  svg.line(0, 20 + kHeight, kWidth, 20 + kHeight, "axis");
  if (high > low) {
    const double zero = -low / (high - low) * kWidth;
    svg.text(std::clamp(zero, 8.0, kWidth - 8), kHeight + 36, "0", "dim", "middle");
  }
  svg.text(0, kHeight + 36, fixed(low, 2), "dim");
  svg.text(kWidth, kHeight + 36, fixed(high, 2), "dim", "end");
  return svg.end();
}

}  // namespace presswork::summary
