// How the range of a linear's inputs is chosen when all tokens share one grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugins/modelkit/compute/int8_inputs.h"

namespace presswork::modelkit {

// MinMax: all values. Percentile: leaves out as many of the largest and of the smallest as `percentile` says.
// Mse: all values' range, shrunk to where the squared error of the rounded values is least.
struct RangeObserver {
  enum class Kind { MinMax, Percentile, Mse } kind = Kind::MinMax;
  double percentile = 99.99;
};

// Counts of values in [low, high], in bins of equal width.
class ValueHistogram {
 public:
  ValueHistogram(float low, float high);

  void add(const float* x, std::size_t count);  // those outside count at the edge

  Int8Grid grid(const RangeObserver& observer, bool symmetric) const;

 private:
  double middle(std::size_t bin) const;
  float value_at(double share) const;  // that this share of the values lies below
  double squared_error(const Int8Grid& grid) const;

  float low_, high_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

}  // namespace presswork::modelkit
