// How the weights of a linear module are distributed: what decides how well they round.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

struct WeightStatistics {
  static constexpr std::size_t kBins = 64;

  std::int64_t count = 0, zeros = 0;
  double minimum = 0, maximum = 0, mean = 0, deviation = 0;
  double kurtosis = 0;  // fourth central moment / variance^2: 3 for a normal distribution
  // Input columns whose root mean square is over kOutlier times the median column's: they stretch the scales
  // of every group that they are in.
  std::vector<std::int64_t> outlier_columns;
  std::int64_t dead_rows = 0, dead_columns = 0;  // nothing but zeros
  // Counts of equal bins from `minimum` to `maximum`, both included.
  std::array<std::int64_t, kBins> histogram{};

  static constexpr double kOutlier = 4;
};

// Sums in float64, row by row. Throws "not_finite" naming `module`. Independent of the number of threads.
WeightStatistics weight_statistics(const LinearWeight& weight, const std::string& module,
                                   ThreadPool& threads);

// Columns, or channels, whose root mean square is over `factor` times the median's.
std::vector<std::int64_t> outliers_of(const std::vector<double>& root_mean_squares, double factor);

}  // namespace presswork::modelkit
