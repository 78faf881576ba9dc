#include "plugins/modelkit/evaluate/statistics.h"

#include <algorithm>
#include <cmath>

namespace presswork::modelkit {

void WindowedMean::add(std::span<const double> window) {
  double sum = 0.0;
  for (const double value : window) {
    sum += value;
    squares_ += value * value;
  }
  total_ += sum;
  count_ += window.size();
  means_.push_back(sum / static_cast<double>(window.size()));
}

Mean WindowedMean::mean() const {
  const auto values = static_cast<double>(count_), windows = static_cast<double>(means_.size());
  const double mean = total_ / values;
  if (windows < 2.0) {
    if (values < 2.0) return {mean, 0.0};
    return {mean, std::sqrt(std::max(0.0, squares_ / values - mean * mean) / (values - 1.0))};
  }
  double spread = 0.0;
  for (const double one : means_) spread += (one - mean) * (one - mean);
  return {mean, std::sqrt(spread / (windows - 1.0) / windows)};
}

double percentile(std::vector<double>& values, double fraction) {
  if (!std::is_sorted(values.begin(), values.end())) std::sort(values.begin(), values.end());
  const double place = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  if (below + 1 >= values.size()) return values.back();
  const double share = place - static_cast<double>(below);
  return (1.0 - share) * values[below] + share * values[below + 1];
}

}  // namespace presswork::modelkit
