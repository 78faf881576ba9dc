#include "plugins/modelkit/quantize/grid.h"

#include <algorithm>
#include <cfloat>
#include <vector>

#include "plugins/modelkit/compute/cpu/rounding_kernels.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

float stored(float scale, DType dtype) { return dtype == DType::F32 ? scale : rounded_through(dtype, scale); }

// For a hint: the powers of two that are in use, or else the widest size of all.
std::string fitting_sizes(std::int64_t inputs) {
  std::string sizes;
  for (std::int64_t size = 8; size <= 512; size *= 2) {
    if (inputs % size == 0) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  }
  if (sizes.empty() && inputs > 1) sizes = std::to_string(inputs);
  return sizes.empty() ? "use 0 (one scale per output channel)"
                       : "sizes that fit: " + sizes + "; or 0 (one scale per output channel)";
}

}  // namespace

ValueRange range_of(std::span<const float> values) {
  ValueRange range;
  range_row(values.data(), values.size(), range.low, range.high);
  return range;
}

void QuantizationGrid::check_divides(std::int64_t in, const std::string& module, std::int64_t common) const {
  if (group_size == 0 || in % group_size == 0) return;
  throw Error("invalid_parameter",
              "the group size " + std::to_string(group_size) + " does not divide the " + std::to_string(in) +
                  " inputs of " + module,
              "/group_size", fitting_sizes(common) + ", or add the module to ignore");
}

double QuantizationError::relative() const {
  return squared_norm == 0 ? 0.0 : std::sqrt(squared_error / squared_norm);
}

QuantizationError& QuantizationError::operator+=(const QuantizationError& other) {
  squared_error += other.squared_error;
  squared_norm += other.squared_norm;
  return *this;
}

// Times the rounded reciprocal, not divided, as PyTorch divides by a constant on a GPU. The last bit of the
// scale matters: bf16 weights often lie exactly between two levels, and the reference perplexities move by
// 0.4 %.
GroupScale fit_range(float lowest, float highest, const QuantizationGrid& grid) {
  const float low = grid.lowest(), high = grid.highest();
  GroupScale group;
  if (grid.symmetric) {
    group.scale = stored(std::max(std::fabs(lowest), std::fabs(highest)) * (1.0F / high), grid.scale_dtype);
  } else {
    group.scale =
        stored((std::max(highest, 0.0F) - std::min(lowest, 0.0F)) * (1.0F / (high - low)), grid.scale_dtype);
  }
  if (!(group.scale >= FLT_MIN)) return {};  // nothing but zeros and numbers next to them
  if (!grid.symmetric) {
    group.zero = static_cast<std::int8_t>(
        std::clamp(round_half_even(-std::min(lowest, 0.0F) / group.scale) + low, low, high));
  }
  return group;
}

GroupScale best_range(const ValueRange& range, const QuantizationGrid& grid,
                      const std::function<double(const GroupScale&)>& error_of) {
  GroupScale best = fit_range(range.low, range.high, grid);
  double least = error_of(best);
  // In hundredths of the range, the whole range first; narrower than a fifth never pays.
  for (int share = 99; share >= 20 && least > 0; --share) {
    const float part = static_cast<float>(share) / 100.0F;
    const GroupScale group = fit_range(range.low * part, range.high * part, grid);
    const double error = error_of(group);
    if (error < least) {
      least = error;
      best = group;
    }
  }
  return best;
}

GroupScale fit_group(const float* w, std::int64_t count, const QuantizationGrid& grid) {
  const ValueRange range = range_of({w, static_cast<std::size_t>(count)});
  if (grid.clipping == Clipping::MinMax) return fit_range(range.low, range.high, grid);
  static thread_local std::vector<std::int8_t> q;
  q.resize(static_cast<std::size_t>(count));
  return best_range(range, grid,
                    [&](const GroupScale& group) { return round_group(w, count, grid, group, q.data()); });
}

double round_group(const float* w, std::int64_t count, const QuantizationGrid& grid, const GroupScale& group,
                   std::int8_t* q) {
  return round_row(q, w, static_cast<std::size_t>(count), grid.of(group));
}

}  // namespace presswork::modelkit
