#include "plugins/modelkit/train/logit_loss.h"

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/modelkit/train/training_layer.h"

namespace presswork::modelkit {
namespace {

using enum Gradients::Form;

constexpr std::size_t kLogits = std::size_t{8} << 20;  // of a block of rows

std::size_t rows_together(std::size_t vocabulary, std::size_t rows) {
  return std::min(rows, std::max<std::size_t>(16, kLogits / vocabulary));
}

}  // namespace

LogitLoss::LogitLoss(Transformer& model, Gradients& gradients, std::size_t rows)
    : model_(model),
      gradients_(gradients),
      epsilon_(static_cast<float>(model.config().norm_eps)),
      logit_scale_(static_cast<float>(model.config().logit_scale)) {
  Compute& compute = model.compute();
  const ModelConfig& m = model.config();
  const auto width = static_cast<std::size_t>(m.hidden);
  norm_ = norm_factors(compute, model.source(), std::string(architecture_of(m).final_norm));
  const LinearWeight stored = model.head();
  const auto vocabulary = static_cast<std::size_t>(stored.out);
  head_ = compute.allocate(vocabulary, width);
  compute.write(head_, stored.dequantize());
  model.release_head();
  normed_ = compute.allocate(rows, width);
  dnormed_ = compute.allocate(rows, width);
  logits_ = compute.allocate(rows_together(vocabulary, rows), vocabulary);
  baseline_room_ = compute.allocate(logits_.rows, vocabulary);
}

std::uint64_t LogitLoss::predicted_bytes(const ModelConfig& m, std::size_t rows) {
  const auto vocabulary = static_cast<std::size_t>(m.vocab), width = static_cast<std::size_t>(m.hidden);
  return sizeof(float) *
         (2 * vocabulary * width + 2 * rows * width + 2 * rows_together(vocabulary, rows) * vocabulary);
}

Matrix LogitLoss::logits(const Matrix& normed, const Matrix& room) const {
  const Matrix out = room.row_range(0, normed.rows);
  gradients_.product(out, normed, Plain, head_, Transposed);
  if (logit_scale_ != 1.0F) model_.compute().scale(out, logit_scale_);
  return out;
}

double LogitLoss::each_block(const Matrix& states, const Rows& rows) {
  Compute& compute = model_.compute();
  const Matrix normed = normed_.row_range(0, states.rows), dnormed = dnormed_.row_range(0, states.rows);
  compute.rms_norm(normed, states, norm_, epsilon_);
  double sum = 0;
  for (std::size_t first = 0; first < states.rows; first += logits_.rows) {
    const std::size_t count = std::min(logits_.rows, states.rows - first);
    const Matrix block = logits(normed.row_range(first, count), logits_);
    sum += rows(block, first);
    if (logit_scale_ != 1.0F) compute.scale(block, logit_scale_);
    gradients_.product(dnormed.row_range(first, count), block, Plain, head_, Plain);
  }
  gradients_.rms_norm(states, {}, dnormed, states, norm_, epsilon_);
  return sum;
}

double LogitLoss::cross_entropy(const Matrix& states, std::span<const std::int32_t> targets) {
  const auto scored = std::count_if(targets.begin(), targets.end(), [](auto target) { return target >= 0; });
  std::vector<float> factors(targets.size(), 0.0F);
  for (std::size_t r = 0; r < factors.size(); ++r) {
    if (targets[r] >= 0) factors[r] = 1.0F / static_cast<float>(scored);
  }
  return each_block(states,
                    [&](const Matrix& block, std::size_t first) {
                      const auto wanted = targets.subspan(first, block.rows);
                      LogSumExp state(block.rows);
                      model_.compute().log_sum_exp(state, block, 0, wanted);
                      double sum = 0;
                      for (std::size_t r = 0; r < block.rows; ++r)
                        sum += wanted[r] < 0 ? 0.0 : state.negative_log_likelihood(r);
                      gradients_.log_sum_exp(block, state, 0, wanted,
                                             std::span(factors).subspan(first, block.rows));
                      return sum;
                    }) /
         static_cast<double>(scored);
}

double LogitLoss::divergence(const Matrix& states, const Matrix& baseline) {
  const std::vector<float> factors(logits_.rows, 1.0F / static_cast<float>(states.rows));
  const std::vector<std::int32_t> targets(logits_.rows, 0);
  return each_block(states,
                    [&](const Matrix& block, std::size_t first) {
                      const Matrix wanted = logits(baseline.row_range(first, block.rows), baseline_room_);
                      Divergence state(block.rows);
                      model_.compute().divergence(state, wanted, block, 0,
                                                  std::span(targets).first(block.rows));
                      double sum = 0;
                      for (std::size_t r = 0; r < block.rows; ++r) sum += state.kullback_leibler(r);
                      gradients_.divergence(block, wanted, state, std::span(factors).first(block.rows));
                      return sum;
                    }) /
         static_cast<double>(states.rows);
}

}  // namespace presswork::modelkit
