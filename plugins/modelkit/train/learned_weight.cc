#include "plugins/modelkit/train/learned_weight.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "plugins/modelkit/quantize/integer_weight.h"

namespace presswork::modelkit {
namespace {

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

Matrix on_device(Compute& compute, std::size_t rows, const std::vector<float>& values) {
  const Matrix matrix = compute.allocate(rows, values.size() / rows);
  compute.write(matrix, values);
  return matrix;
}

// q - zero
std::vector<float> levels_of(const GroupedIntWeight& ints, std::size_t group) {
  std::vector<float> levels(ints.q.size());
  for (std::size_t i = 0; i < levels.size(); ++i)
    levels[i] = static_cast<float>(ints.q[i] - (ints.zeros.empty() ? 0 : ints.zeros[i / group]));
  return levels;
}

// Of the groups that hold anything but zeros: others have a scale of 1, whatever the weights around them are.
double mean_scale(const std::vector<float>& scales, const std::vector<float>& levels) {
  const std::size_t group = levels.size() / scales.size();
  double sum = 0, count = 0;
  for (std::size_t g = 0; g < scales.size(); ++g) {
    const auto first = levels.begin() + static_cast<std::ptrdiff_t>(g * group);
    if (std::all_of(first, first + static_cast<std::ptrdiff_t>(group),
                    [](float level) { return level == 0; }))
      continue;
    sum += scales[g];
    count += 1;
  }
  return count == 0 ? 1.0 : sum / count;
}

}  // namespace

LearnedWeight::LearnedWeight(Compute& compute, Gradients& gradients, const LinearWeight& start,
                             const std::vector<float>& weights, DType scale_dtype, Learned learned)
    : compute_(compute),
      gradients_(gradients),
      form_(*start.grouped_int()),
      out_(start.out),
      in_(start.in),
      scale_dtype_(scale_dtype),
      learned_(learned) {
  const std::size_t rows = size(out_), group = size(in_ / start.groups());
  std::vector<float> logs = form_.scales;
  for (float& scale : logs) scale = std::log(scale);
  log_scales_ = on_device(compute, rows, logs);
  dlog_scales_ = compute.allocate(rows, log_scales_.cols);
  compute.scale(dlog_scales_, 0.0F);
  grid_.bits = form_.bits;
  grid_.scales = on_device(compute, rows, form_.scales);
  if (!form_.symmetric) grid_.zeros = on_device(compute, rows, {form_.zeros.begin(), form_.zeros.end()});
  const std::vector<float> levels = levels_of(form_, group);
  mean_scale_ = mean_scale(form_.scales, levels);
  if (learned_ == Learned::Scales) {
    trained_ = on_device(compute, rows, levels);
  } else {
    trained_ = on_device(compute, rows, weights.empty() ? start.dequantize() : weights);
    form_.q = {};
  }
}

void LearnedWeight::update_scales() {
  std::vector<float> scales = read(compute_, log_scales_);
  for (float& scale : scales) {
    scale = std::exp(scale);
    if (scale_dtype_ != DType::F32) scale = rounded_through(scale_dtype_, scale);
  }
  compute_.write(grid_.scales, scales);
}

void LearnedWeight::quantize(const Matrix& weight) {
  update_scales();
  learned_ == Learned::Scales ? gradients_.scale_groups(weight, trained_, grid_.scales)
                              : gradients_.fake_quantize(weight, trained_, grid_);
}

void LearnedWeight::take_gradient(const Matrix& dweight) {
  compute_.scale(dlog_scales_, 0.0F);
  learned_ == Learned::Scales ? gradients_.scale_groups_gradient(dlog_scales_, dweight, trained_)
                              : gradients_.fake_quantize_gradient(dweight, dlog_scales_, trained_, grid_);
  // By the logarithm; the rounding of the stored scale is passed straight through.
  std::vector<float> gradient = read(compute_, dlog_scales_);
  const std::vector<float> scales = read(compute_, grid_.scales);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] *= scales[i];
  compute_.write(dlog_scales_, gradient);
}

void LearnedWeight::add_to(Optimizer& optimizer, const Matrix& dweight, const LearningRates& rates) const {
  optimizer.add({.value = log_scales_, .gradient = dlog_scales_, .rate = rates.scales});
  if (learned_ == Learned::Scales) return;
  optimizer.add({.value = trained_,
                 .gradient = dweight,
                 .rate = rates.weights * mean_scale_,
                 .decay = rates.decay / mean_scale_});
}

LinearWeight LearnedWeight::result() {
  update_scales();
  GroupedIntWeight ints = form_;
  ints.scales = read(compute_, grid_.scales);
  if (learned_ == Learned::WeightsAndScales) {
    const std::vector<float> weights = read(compute_, trained_);
    const std::size_t group = weights.size() / ints.scales.size();
    const QuantizationGrid grid{
        .bits = ints.bits, .group_size = ints.group_size, .symmetric = ints.symmetric};
    ints.q.resize(weights.size());
    for (std::size_t g = 0; g < ints.scales.size(); ++g) {
      const GroupScale scale{ints.scales[g], ints.zeros.empty() ? std::int8_t{0} : ints.zeros[g]};
      round_group(weights.data() + g * group, static_cast<std::int64_t>(group), grid, scale,
                  ints.q.data() + g * group);
    }
  }
  return {out_, in_, std::move(ints)};
}

}  // namespace presswork::modelkit
