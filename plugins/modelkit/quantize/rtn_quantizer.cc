#include "plugins/modelkit/quantize/rtn_quantizer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Half to even for |x| < 2^22, as two additions, which compilers turn into vectors (std::nearbyint is a
// call).
float round_half_even(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

struct Range {
  float low, high;
};

Range range_of(const float* w, std::int64_t count) {
  Range range{w[0], w[0]};
  for (std::int64_t i = 1; i < count; ++i) {
    range.low = w[i] < range.low ? w[i] : range.low;
    range.high = w[i] > range.high ? w[i] : range.high;
  }
  return range;
}

float stored(float scale, DType dtype) { return dtype == DType::F32 ? scale : rounded_through(dtype, scale); }

std::int64_t groups_of(const QuantizationGrid& grid, std::int64_t in) {
  return grid.group_size == 0 ? 1 : in / grid.group_size;
}

// Quantizes one row, and returns its squared error.
double quantize_row(const float* w, std::int64_t in, const QuantizationGrid& grid, std::int64_t row,
                    GroupedIntWeight& target) {
  const std::int64_t groups = groups_of(grid, in);
  const std::int64_t size = in / groups;
  double squared_error = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    const float* from = w + group * size;
    std::int8_t* q = target.q.data() + row * in + group * size;
    float scale = 1;
    std::int8_t zero = 0;
    quantize_group(from, size, grid, q, scale, zero);
    target.scales[static_cast<std::size_t>(row * groups + group)] = scale;
    if (!grid.symmetric) target.zeros[static_cast<std::size_t>(row * groups + group)] = zero;
    for (std::int64_t i = 0; i < size; ++i) {
      const double difference = static_cast<double>(from[i]) - static_cast<float>(q[i] - zero) * scale;
      squared_error += difference * difference;
    }
  }
  return squared_error;
}

}  // namespace

void QuantizationGrid::check_divides(std::int64_t in, const std::string& module) const {
  if (group_size == 0 || in % group_size == 0) return;
  std::string fitting;
  for (const std::int64_t size : {16, 32, 64, 128, 256, 512}) {
    if (in % size == 0) fitting += (fitting.empty() ? "" : ", ") + std::to_string(size);
  }
  throw Error("invalid_parameter",
              "the group size " + std::to_string(group_size) + " does not divide the " + std::to_string(in) +
                  " inputs of " + module,
              "/group_size",
              (fitting.empty() ? std::string("use 0 (one scale per output channel)")
                               : "sizes that fit: " + fitting + "; or 0 (one scale per output channel)") +
                  ", or add the module to ignore");
}

double QuantizationError::relative() const {
  return squared_norm == 0 ? 0.0 : std::sqrt(squared_error / squared_norm);
}

void quantize_group(const float* w, std::int64_t count, const QuantizationGrid& grid, std::int8_t* q,
                    float& scale, std::int8_t& zero) {
  const Range range = range_of(w, count);
  const auto low = static_cast<float>(-(1 << (grid.bits - 1)));
  const auto high = static_cast<float>((1 << (grid.bits - 1)) - 1);
  float offset = 0;  // the zero point
  // Times the rounded reciprocal, not divided, as PyTorch divides by a constant on a GPU. The last bit of the
  // scale matters: bf16 weights often lie exactly between two levels, and the reference perplexities move by
  // 0.4 %.
  if (grid.symmetric) {
    scale = stored(std::max(std::fabs(range.low), std::fabs(range.high)) * (1.0f / high), grid.scale_dtype);
  } else {
    scale = stored((std::max(range.high, 0.0f) - std::min(range.low, 0.0f)) * (1.0f / (high - low)),
                   grid.scale_dtype);
  }
  if (!(scale >= FLT_MIN)) {  // nothing but zeros and numbers next to them
    scale = 1;
    zero = 0;
    std::fill(q, q + count, std::int8_t{0});
    return;
  }
  if (!grid.symmetric) {
    offset = std::clamp(round_half_even(-std::min(range.low, 0.0f) / scale) + low, low, high);
  }
  zero = static_cast<std::int8_t>(offset);
  for (std::int64_t i = 0; i < count; ++i) {
    const float level = round_half_even(w[i] / scale) + offset;
    q[i] = static_cast<std::int8_t>(level < low ? low : level > high ? high : level);
  }
}

RtnResult quantize_rtn(const LinearWeight& weight, const QuantizationGrid& grid, const std::string& module,
                       ThreadPool& threads) {
  grid.check_divides(weight.in, module);
  const std::int64_t groups = groups_of(grid, weight.in);
  GroupedIntWeight ints{.bits = grid.bits,
                        .group_size = grid.group_size,
                        .symmetric = grid.symmetric,
                        .q = std::vector<std::int8_t>(static_cast<std::size_t>(weight.out * weight.in)),
                        .scales = std::vector<float>(static_cast<std::size_t>(weight.out * groups)),
                        .zeros = {},
                        .group_of_input = {}};
  if (!grid.symmetric) ints.zeros.resize(ints.scales.size());

  constexpr std::int64_t kTileRows = 32;
  std::vector<double> errors(static_cast<std::size_t>(weight.out)),
      norms(static_cast<std::size_t>(weight.out));
  threads.run(static_cast<std::size_t>((weight.out + kTileRows - 1) / kTileRows), [&](std::size_t tile) {
    std::vector<float> values(static_cast<std::size_t>(weight.in));
    const std::int64_t first = static_cast<std::int64_t>(tile) * kTileRows;
    for (std::int64_t row = first; row < std::min(first + kTileRows, weight.out); ++row) {
      weight.dequantize(row, row + 1, values.data());
      const std::size_t bad = find_not_finite(DType::F32, values.data(), values.size());
      if (bad != values.size()) {
        throw Error("not_finite",
                    "has NaN or infinity at row " + std::to_string(row) + ", column " + std::to_string(bad),
                    module + ".weight", "use an intact copy of the model");
      }
      double norm = 0;
      for (const float value : values) norm += static_cast<double>(value) * value;
      norms[static_cast<std::size_t>(row)] = norm;
      errors[static_cast<std::size_t>(row)] = quantize_row(values.data(), weight.in, grid, row, ints);
    }
  });
  // Scales of finite weights can still overflow (their difference, or a narrower scale type).
  const std::size_t bad = find_not_finite(DType::F32, ints.scales.data(), ints.scales.size());
  if (bad != ints.scales.size()) {
    throw Error(
        "not_finite",
        "has values too large for a scale, in row " + std::to_string(bad / static_cast<std::size_t>(groups)),
        module + ".weight", "use an intact copy of the model");
  }
  QuantizationError error;
  for (std::size_t row = 0; row < errors.size(); ++row) {
    error.squared_error += errors[row];
    error.squared_norm += norms[row];
  }
  return {{weight.out, weight.in, std::move(ints)}, error};
}

}  // namespace presswork::modelkit
