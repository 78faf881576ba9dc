#include "plugins/modelkit/quantize/range_observer.h"

#include <algorithm>
#include <cmath>

namespace presswork::modelkit {
namespace {

constexpr std::size_t kBins = 8192;  // 32 for each level of the widest grid

}  // namespace

ValueHistogram::ValueHistogram(float low, float high) : low_(low), high_(high), counts_(kBins, 0) {}

double ValueHistogram::middle(std::size_t bin) const {
  const double width = (static_cast<double>(high_) - low_) / kBins;
  return low_ + (static_cast<double>(bin) + 0.5) * width;
}

void ValueHistogram::add(const float* x, std::size_t count) {
  const float scale = high_ > low_ ? static_cast<float>(kBins) / (high_ - low_) : 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const float place = std::clamp((x[i] - low_) * scale, 0.0F, static_cast<float>(kBins - 1));
    ++counts_[static_cast<std::size_t>(place)];
  }
  total_ += count;
}

float ValueHistogram::value_at(double share) const {
  const double wanted = share * static_cast<double>(total_);
  double below = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const auto here = static_cast<double>(counts_[bin]);
    if (below + here >= wanted && here > 0) {
      const double part = std::clamp((wanted - below) / here, 0.0, 1.0);
      return static_cast<float>(middle(bin) + (part - 0.5) * (middle(1) - middle(0)));
    }
    below += here;
  }
  return high_;
}

double ValueHistogram::squared_error(const Int8Grid& grid) const {
  double sum = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    if (counts_[bin] == 0) continue;
    const auto x = static_cast<float>(middle(bin));
    std::int8_t q = 0;
    to_int8(grid, &x, 1, &q);
    const double error = middle(bin) - grid.value(q);
    sum += static_cast<double>(counts_[bin]) * error * error;
  }
  return sum;
}

Int8Grid ValueHistogram::grid(const RangeObserver& observer, bool symmetric) const {
  if (observer.kind == RangeObserver::Kind::Percentile) {
    const double outside = 1.0 - observer.percentile / 100.0;
    return int8_grid(value_at(outside), value_at(1.0 - outside), symmetric);
  }
  Int8Grid best = int8_grid(low_, high_, symmetric);
  if (observer.kind == RangeObserver::Kind::MinMax) return best;
  double least = squared_error(best);
  for (int percent = 99; percent >= 20; --percent) {
    const float part = static_cast<float>(percent) / 100.0F;
    const Int8Grid tried = int8_grid(low_ * part, high_ * part, symmetric);
    const double error = squared_error(tried);
    if (error < least) {
      least = error;
      best = tried;
    }
  }
  return best;
}

}  // namespace presswork::modelkit
