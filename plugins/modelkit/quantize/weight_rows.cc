#include "plugins/modelkit/quantize/weight_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "plugins/modelkit/compute/cpu/rounding_kernels.h"
#include "plugins/modelkit/quantize/integer_weight.h"

namespace presswork::modelkit {

QuantizationError WeightRows::each(std::int64_t tile_rows, const Round& round) const {
  const std::int64_t tiles = (weight_.out + tile_rows - 1) / tile_rows;
  std::vector<QuantizationError> parts(static_cast<std::size_t>(tiles));
  threads_.run(parts.size(), [&](std::size_t tile) {
    const std::int64_t first = static_cast<std::int64_t>(tile) * tile_rows;
    const std::int64_t last = std::min(first + tile_rows, weight_.out);
    thread_local std::vector<float> values;  // kept: fresh pages for each tile would take their time
    values.resize(static_cast<std::size_t>((last - first) * weight_.in));
    weight_.dequantize(first, last, values.data());
    parts[tile].squared_norm = squares_row(values.data(), values.size());
    if (!std::isfinite(parts[tile].squared_norm))
      expect_finite_rows(values, static_cast<std::size_t>(weight_.in), first, module_);
    parts[tile].squared_error = round(values, first);
  });
  QuantizationError whole;
  for (const QuantizationError& part : parts) whole += part;
  return whole;
}

ValueRange WeightRows::range() const {
  const std::int64_t tiles = (weight_.out + kTileRows - 1) / kTileRows;
  std::vector<ValueRange> parts(static_cast<std::size_t>(tiles));
  each(kTileRows, [&](std::span<const float> values, std::int64_t first) {
    parts[static_cast<std::size_t>(first / kTileRows)] = range_of(values);
    return 0.0;
  });
  ValueRange whole = parts.front();
  for (const ValueRange& part : parts)
    whole = {std::min(whole.low, part.low), std::max(whole.high, part.high)};
  return whole;
}

}  // namespace presswork::modelkit
