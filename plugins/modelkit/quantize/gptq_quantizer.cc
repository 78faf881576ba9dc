#include "plugins/modelkit/quantize/gptq_quantizer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "plugins/modelkit/compute/cpu/cholesky.h"
#include "plugins/modelkit/compute/cpu/dgemm.h"
#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kTileRows = 64, kBlock = 128;

// Inputs that are rounded before the rest is updated. A group never starts inside of one and ends outside, so
// that its weights are up to date when its scale is chosen.
std::size_t block_width(std::size_t group) {
  if (group >= kBlock) return group % kBlock == 0 ? kBlock : group;
  return kBlock / group * group;
}

// A group's scale as the solver sees it. Weights of 16 bits often lie exactly between two levels of a scale
// that is rounded to float32, so that float32's scales are rounded only when they are stored.
struct Scale {
  double scale = 1;
  std::int8_t zero = 0;

  double value(std::int8_t level) const { return (level - zero) * scale; }
  std::int8_t nearest(double w, double lowest, double highest) const {
    return static_cast<std::int8_t>(std::clamp(round_half_even(w / scale) + zero, lowest, highest));
  }
};

// As fit_range().
Scale fit_exactly(const double* w, std::size_t count, const QuantizationGrid& grid) {
  const auto [low, high] = std::minmax_element(w, w + count);
  const double lowest = grid.lowest(), highest = grid.highest();
  Scale group;
  if (grid.symmetric) {
    group.scale = std::max(std::fabs(*low), std::fabs(*high)) / highest;
  } else {
    group.scale = (std::max(*high, 0.0) - std::min(*low, 0.0)) / (highest - lowest);
  }
  if (!(group.scale >= FLT_MIN)) return {};
  if (!grid.symmetric) {
    group.zero = static_cast<std::int8_t>(
        std::clamp(round_half_even(-std::min(*low, 0.0) / group.scale) + lowest, lowest, highest));
  }
  return group;
}

Scale fit(const double* w, std::size_t count, const QuantizationGrid& grid) {
  if (grid.scale_dtype == DType::F32 && grid.clipping == Clipping::MinMax) return fit_exactly(w, count, grid);
  const std::vector<float> rounded(w, w + count);
  const GroupScale group = fit_group(rounded.data(), static_cast<std::int64_t>(count), grid);
  return {group.scale, group.zero};
}

}  // namespace

struct GptqSolver::Rows {
  std::int64_t first = 0;  // in the weight
  std::size_t count = 0;
  std::vector<float> original;  // [count, size]
  std::vector<double> weights;  // [count, size] in the solver's order: what is left to round
  std::vector<double> errors;   // [count, block]
  std::vector<Scale> scales;    // [count, groups]
  GroupedIntWeight* target = nullptr;
  const QuantizationGrid* grid = nullptr;
};

GptqSolver::GptqSolver(Gram& inputs, const GptqOptions& options, ThreadPool& threads)
    : options_(options),
      threads_(threads),
      size_(inputs.size()),
      hessian_(inputs.symmetric()),
      order_(size_),
      factor_(size_ * size_) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const auto diagonal = [&](std::size_t i) { return hessian_[i * size_ + i]; };
  for (std::size_t i = 0; i < size_; ++i) {
    if (!std::isfinite(diagonal(i))) {
      throw Error("not_finite", "the calibration inputs of a linear overflow", "",
                  "compare with the model before its last change, layer by layer");
    }
    dead_ += diagonal(i) == 0.0 ? 1 : 0;
  }
  if (options_.actorder) {
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return diagonal(a) > diagonal(b); });
  }
  damp_ = options_.damp;
  for (int attempt = 0; !factorize(damp_); ++attempt) {
    if (attempt == 8) {
      throw Error("not_finite", "the Hessian of a linear cannot be factorized, however much it is damped", "",
                  "give a larger and more varied calibration text");
    }
    damp_ = std::max(10.0 * damp_, 1e-4);
  }
}

// With P the reversal of the order and P H P = L L^T, inv(H) = (P inv(L) P)^T (P inv(L) P), and P inv(L) P is
// the upper triangle that is wanted.
bool GptqSolver::factorize(double damp) {
  double mean = 0;
  for (std::size_t i = 0; i < size_; ++i) mean += hessian_[i * size_ + i] / static_cast<double>(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::size_t from = order_[size_ - 1 - i];
    double* row = factor_.data() + i * size_;
    for (std::size_t j = 0; j <= i; ++j) row[j] = hessian_[from * size_ + order_[size_ - 1 - j]];
    row[i] += damp * mean;
    if (row[i] == 0.0) row[i] = 1.0;  // an input that no other one knows of
  }
  if (!cholesky(factor_.data(), size_, threads_)) return false;
  invert_lower(factor_.data(), size_, threads_);
  std::reverse(factor_.begin(), factor_.end());
  return true;
}

GptqResult GptqSolver::quantize(const LinearWeight& weight, const std::string& module,
                                const QuantizationGrid& grid, std::vector<float>* unrounded) const {
  grid.check_divides(weight.in, module);
  const std::size_t all = static_cast<std::size_t>(weight.out), tiles = (all + kTileRows - 1) / kTileRows;
  GptqResult result{{weight.out, weight.in, empty_integers(weight.out, weight.in, grid)}, {}, {}, {}};
  auto& ints = std::get<GroupedIntWeight>(result.weight.form);
  struct Sums {
    QuantizationError error, rounding;
    double rounded = 0, solved = 0, whole = 0;
    std::int64_t clipped = 0;
  };
  std::vector<Sums> sums(tiles);
  if (unrounded != nullptr) unrounded->resize(all * size_);
  threads_.run(tiles, [&](std::size_t tile) {
    Rows rows;
    rows.first = static_cast<std::int64_t>(tile * kTileRows);
    rows.count = std::min(kTileRows, all - tile * kTileRows);
    rows.target = &ints;
    rows.grid = &grid;
    rows.original.resize(rows.count * size_);
    weight.dequantize(rows.first, rows.first + static_cast<std::int64_t>(rows.count), rows.original.data());
    expect_finite_rows(rows.original, size_, rows.first, module);
    round_rows(rows);
    if (unrounded != nullptr) {
      for (std::size_t at = 0; at < rows.weights.size(); ++at) {
        const std::size_t row = tile * kTileRows + at / size_;
        (*unrounded)[row * size_ + order_[at % size_]] = static_cast<float>(rows.weights[at]);
      }
    }

    Sums& sum = sums[tile];
    std::vector<double> difference(rows.original.begin(), rows.original.end());
    const auto squares = [&] {
      return std::inner_product(difference.begin(), difference.end(), difference.begin(), 0.0);
    };
    sum.error.squared_norm = sum.rounding.squared_norm = squares();
    sum.whole = norm_squared(difference, hessian_, size_);
    subtract_integers(ints, rows.first, size_, difference);
    sum.error.squared_error = squares();
    sum.solved = norm_squared(difference, hessian_, size_);
    subtract_rounded(rows.original, grid, size_, difference);
    sum.rounding.squared_error = squares();
    sum.rounded = norm_squared(difference, hessian_, size_);
    sum.clipped = count_clipped(rows.original, rows.first, result.weight);
  });
  expect_finite_scales(ints, weight.out, module);
  Sums total;
  for (const Sums& sum : sums) {
    result.error += sum.error;
    result.rounding += sum.rounding;
    result.clipped += sum.clipped;
    total.rounded += sum.rounded;
    total.solved += sum.solved;
    total.whole += sum.whole;
  }
  const auto relative = [&](double part) {
    return total.whole > 0 ? std::sqrt(std::max(part, 0.0) / total.whole) : 0.0;
  };
  result.output = {.before = relative(total.rounded), .after = relative(total.solved)};
  return result;
}

void GptqSolver::round_rows(Rows& rows) const {
  const QuantizationGrid& grid = *rows.grid;
  const auto groups = static_cast<std::size_t>(grid.groups(static_cast<std::int64_t>(size_)));
  const std::size_t group = size_ / groups, width = block_width(group);
  rows.scales.resize(rows.count * groups);
  rows.weights.resize(rows.count * size_);
  rows.errors.resize(rows.count * width);
  for (std::size_t r = 0; r < rows.count; ++r) {
    const float* from = rows.original.data() + r * size_;
    for (std::size_t i = 0; i < size_; ++i) rows.weights[r * size_ + i] = from[order_[i]];
    if (!options_.actorder) continue;
    const std::vector<double> own(from, from + size_);
    for (std::size_t g = 0; g < groups; ++g)
      rows.scales[r * groups + g] = fit(own.data() + g * group, group, grid);
  }
  for (std::size_t first = 0; first < size_; first += width) {
    const std::size_t last = std::min(first + width, size_);
    round_block(rows, first, last);
    dgemm({.m = rows.count,
           .n = size_ - last,
           .k = last - first,
           .alpha = -1.0,
           .a = rows.errors.data(),
           .a_row = width,
           .b = factor_.data() + first * size_ + last,
           .b_row = size_,
           .c = rows.weights.data() + last,
           .c_row = size_});
  }
  for (std::size_t i = 0; i < rows.scales.size(); ++i) {
    const std::size_t at = static_cast<std::size_t>(rows.first) * groups + i;
    rows.target->scales[at] = static_cast<float>(rows.scales[i].scale);
    if (!grid.symmetric) rows.target->zeros[at] = rows.scales[i].zero;
  }
}

void GptqSolver::round_block(Rows& rows, std::size_t first, std::size_t last) const {
  const QuantizationGrid& grid = *rows.grid;
  const double lowest = grid.lowest(), highest = grid.highest();
  const auto groups = static_cast<std::size_t>(grid.groups(static_cast<std::int64_t>(size_)));
  const std::size_t group = size_ / groups, width = rows.errors.size() / rows.count;
  for (std::size_t r = 0; r < rows.count; ++r) {
    double* w = rows.weights.data() + r * size_;
    std::int8_t* q = rows.target->q.data() + (static_cast<std::size_t>(rows.first) + r) * size_;
    for (std::size_t i = first; i < last; ++i) {
      Scale& scale = rows.scales[r * groups + order_[i] / group];
      if (!options_.actorder && i % group == 0) scale = fit(w + i, group, grid);
      const double* u = factor_.data() + i * size_;
      const std::int8_t level = scale.nearest(w[i], lowest, highest);
      q[order_[i]] = level;
      const double error = (w[i] - scale.value(level)) / u[i];
      rows.errors[r * width + i - first] = error;
      add_scaled(w + i + 1, u + i + 1, last - i - 1, -error);
    }
  }
}

}  // namespace presswork::modelkit
