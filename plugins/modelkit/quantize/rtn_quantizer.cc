#include "plugins/modelkit/quantize/rtn_quantizer.h"

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/weight_rows.h"

namespace presswork::modelkit {
namespace {

// Quantizes one row, by `whole` where the weight has one scale; returns its squared error.
double quantize_row(std::span<const float> w, const QuantizationGrid& grid, std::int64_t row,
                    const std::optional<GroupScale>& whole, GroupedIntWeight& target) {
  const auto in = static_cast<std::int64_t>(w.size());
  const std::int64_t groups = grid.groups(in), size = in / groups;
  double squared_error = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    const float* from = w.data() + group * size;
    const GroupScale fitted = whole ? *whole : fit_group(from, size, grid);
    target.scales[static_cast<std::size_t>(row * groups + group)] = fitted.scale;
    if (!grid.symmetric) target.zeros[static_cast<std::size_t>(row * groups + group)] = fitted.zero;
    squared_error += round_group(from, size, grid, fitted, target.q.data() + row * in + group * size);
  }
  return squared_error;
}

GroupScale fit_tensor(const WeightRows& rows, const QuantizationGrid& grid) {
  const ValueRange range = rows.range();
  if (grid.clipping == Clipping::MinMax) return fit_range(range.low, range.high, grid);
  return best_range(range, grid, [&](const GroupScale& scale) {
    const auto round = [&](std::span<const float> values, std::int64_t) {
      std::vector<std::int8_t> q(values.size());
      return round_group(values.data(), static_cast<std::int64_t>(values.size()), grid, scale, q.data());
    };
    return rows.each(WeightRows::kTileRows, round).squared_error;
  });
}

}  // namespace

RtnResult quantize_rtn(const LinearWeight& weight, const QuantizationGrid& grid, const std::string& module,
                       ThreadPool& threads, Sharing sharing) {
  grid.check_divides(weight.in, module);
  RtnResult result{{weight.out, weight.in, empty_integers(weight.out, weight.in, grid)}, {}};
  auto& ints = std::get<GroupedIntWeight>(result.weight.form);
  const WeightRows rows(weight, module, threads);
  std::optional<GroupScale> whole;
  if (sharing == Sharing::Tensor) whole = fit_tensor(rows, grid);
  const auto in = static_cast<std::size_t>(weight.in);
  std::atomic<std::int64_t> clipped = 0;
  result.error = rows.each(WeightRows::kTileRows, [&](std::span<const float> values, std::int64_t first) {
    double squared_error = 0;
    std::int64_t row = first;
    for (std::size_t at = 0; at < values.size(); at += in, ++row)
      squared_error += quantize_row(values.subspan(at, in), grid, row, whole, ints);
    clipped += count_clipped(values, first, result.weight);
    return squared_error;
  });
  result.clipped = clipped;
  expect_finite_scales(ints, weight.out, module);
  return result;
}

}  // namespace presswork::modelkit
