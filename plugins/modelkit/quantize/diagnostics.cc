#include "plugins/modelkit/quantize/diagnostics.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "plugins/modelkit/compute/cpu/rounding_kernels.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

std::int64_t count_dead_scales(const GroupedIntWeight& weight) {
  const std::size_t groups = weight.scales.size(), size = weight.q.size() / groups;
  std::int64_t dead = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::int8_t* q = weight.q.data() + g * size;
    const bool flat = std::all_of(q, q + size, [&](std::int8_t value) { return value == *q; });
    dead += flat || std::fabs(weight.scales[g]) < FLT_MIN ? 1 : 0;
  }
  return dead;
}

std::int64_t count_clipped(std::span<const float> values, std::int64_t first, const LinearWeight& rounded) {
  const GroupedIntWeight& ints = *rounded.grouped_int();
  const QuantizationGrid grid{.bits = ints.bits};
  const std::size_t size = static_cast<std::size_t>(rounded.in / rounded.groups());
  const std::size_t start = static_cast<std::size_t>(first * rounded.groups());
  std::size_t clipped = 0;
  for (std::size_t g = 0; g < values.size() / size; ++g) {
    const std::size_t place = start + g;
    const GroupScale scale{ints.scales[place], ints.zeros.empty() ? std::int8_t{0} : ints.zeros[place]};
    clipped +=
        count_clipped_row(ints.q.data() + place * size, values.data() + g * size, size, grid.of(scale));
  }
  return static_cast<std::int64_t>(clipped);
}

void add_integer_figures(Figures& figures, const LinearWeight& rounded, std::int64_t clipped) {
  figures["dead_scales"] = static_cast<double>(count_dead_scales(*rounded.grouped_int()));
  figures["clipped_weights"] = static_cast<double>(clipped) / static_cast<double>(rounded.out * rounded.in);
}

void add_input_figures(Figures& figures, std::vector<double> mean_squares) {
  std::sort(mean_squares.begin(), mean_squares.end());
  const double median = mean_squares[mean_squares.size() / 2], limit = kOutlier * kOutlier * median;
  const auto beyond = std::upper_bound(mean_squares.begin(), mean_squares.end(), limit);
  figures["outlier_inputs"] = static_cast<double>(mean_squares.end() - beyond);
  figures["largest_input"] = median > 0 ? std::sqrt(mean_squares.back() / median) : 0.0;
}

std::vector<double> mean_squares(const InputSample& sample) {
  std::vector<double> sums(sample.inputs(), 0.0);
  for (std::size_t i = 0; i < sample.rows.size(); ++i)
    sums[i % sums.size()] += static_cast<double>(sample.rows[i]) * sample.rows[i];
  for (double& sum : sums) sum /= static_cast<double>(std::max<std::size_t>(1, sample.taken()));
  return sums;
}

}  // namespace presswork::modelkit
