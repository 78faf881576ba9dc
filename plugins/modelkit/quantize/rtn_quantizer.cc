#include "plugins/modelkit/quantize/rtn_quantizer.h"

#include <algorithm>
#include <vector>

#include "plugins/modelkit/quantize/integer_weight.h"

namespace presswork::modelkit {
namespace {

// Quantizes one row, and returns its squared error.
double quantize_row(const float* w, std::int64_t in, const QuantizationGrid& grid, std::int64_t row,
                    GroupedIntWeight& target) {
  const std::int64_t groups = grid.groups(in), size = in / groups;
  double squared_error = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    const float* from = w + group * size;
    const GroupScale fitted = fit_group(from, size, grid);
    target.scales[static_cast<std::size_t>(row * groups + group)] = fitted.scale;
    if (!grid.symmetric) target.zeros[static_cast<std::size_t>(row * groups + group)] = fitted.zero;
    squared_error += round_group(from, size, grid, fitted, target.q.data() + row * in + group * size);
  }
  return squared_error;
}

}  // namespace

RtnResult quantize_rtn(const LinearWeight& weight, const QuantizationGrid& grid, const std::string& module,
                       ThreadPool& threads) {
  grid.check_divides(weight.in, module);
  GroupedIntWeight ints = empty_integers(weight.out, weight.in, grid);

  constexpr std::int64_t kTileRows = 32;
  std::vector<double> errors(static_cast<std::size_t>(weight.out)),
      norms(static_cast<std::size_t>(weight.out));
  threads.run(static_cast<std::size_t>((weight.out + kTileRows - 1) / kTileRows), [&](std::size_t tile) {
    std::vector<float> values(static_cast<std::size_t>(weight.in));
    const std::int64_t first = static_cast<std::int64_t>(tile) * kTileRows;
    for (std::int64_t row = first; row < std::min(first + kTileRows, weight.out); ++row) {
      weight.dequantize(row, row + 1, values.data());
      expect_finite_rows(values, values.size(), row, module);
      double norm = 0;
      for (const float value : values) norm += static_cast<double>(value) * value;
      norms[static_cast<std::size_t>(row)] = norm;
      errors[static_cast<std::size_t>(row)] = quantize_row(values.data(), weight.in, grid, row, ints);
    }
  });
  expect_finite_scales(ints, weight.out, module);
  QuantizationError error;
  for (std::size_t row = 0; row < errors.size(); ++row) {
    error.squared_error += errors[row];
    error.squared_norm += norms[row];
  }
  return {{weight.out, weight.in, std::move(ints)}, error};
}

}  // namespace presswork::modelkit
