#include "plugins/modelkit/train/block_training.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "plugins/modelkit/train/schedule.h"

namespace presswork::modelkit {
namespace {

// Rows [batch * tokens, C] of windows that lie anywhere in `states`.
Matrix gather(HiddenStates& states, const std::vector<std::size_t>& windows, const Matrix& room) {
  const std::size_t tokens = states.tokens();
  for (std::size_t i = 0; i < windows.size(); ++i)
    states.take(windows[i], room.row_range(i * tokens, tokens));
  return room.row_range(0, windows.size() * tokens);
}

}  // namespace

BlockTraining::BlockTraining(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                             const BlockTrainingOptions& options, Start start, StepObserver share)
    : model_(model),
      options_(options),
      start_(std::move(start)),
      share_(std::move(share)),
      gradients_(make_cpu_gradients(model.compute())),
      target_(embed_windows(model, windows, limit)),
      rope_(model.compute(), model.config(), windows.length()),
      tape_(model.compute(), model.config(), options.batch * windows.length()),
      weights_(allocate_weights(model.compute(), model.config())),
      dweights_(allocate_weights(model.compute(), model.config())) {
  for (Matrix* room : {&input_, &output_, &wanted_, &gradient_})
    *room = model.compute().allocate(options.batch * windows.length(), target_.width());
}

void BlockTraining::advance(std::int64_t index, PhaseTimes& times) {
  const PhaseTimes::Scope timed(times, "passes");
  for (; passed_ <= index; ++passed_) {
    DecoderLayer layer = model_.layer(passed_);
    target_.each([&](const Matrix& block, std::size_t, std::size_t) {
      if (share_) share_(0.0);
      layer.forward(block, target_.tokens(), model_.rope());
    });
  }
}

LayerChange BlockTraining::train(CalibrationLayer& layer) {
  auto [change, weights] = start_(layer);
  if (options_.epochs == 0) return std::move(change);
  advance(layer.index(), layer.times());
  const PhaseTimes::Scope timed(layer.times(), "training");
  Compute& compute = model_.compute();
  const TrainingLayer one(compute, *gradients_, model_.source(), layer.index());
  LearnedLayer learned(compute, *gradients_, model_.source(), one, change.linears, options_.scale_dtype,
                       Learned::WeightsAndScales, weights);
  weights.clear();
  const double before = mean_error(layer, one, learned.quantize(weights_));
  train_steps(layer, learned, one);
  const double after = mean_error(layer, one, learned.quantize(weights_));
  if (after < before) change.linears = learned.result();
  change.layer = {{"output_error_before", before}, {"output_error", std::min(before, after)}};
  for (const auto& [module, weight] : change.linears) layer.replace(module, weight);
  return std::move(change);
}

void BlockTraining::train_steps(CalibrationLayer& layer, LearnedLayer& learned, const TrainingLayer& one) {
  Optimizer optimizer(model_.compute(), *gradients_, options_.optimizer);
  const LayerWeights dweights = learned.wanted(dweights_);
  learned.add_to(optimizer, dweights, options_.rates);
  const Batches batches{.windows = target_.windows(),
                        .size = options_.batch,
                        .epochs = options_.epochs,
                        .seed = options_.seed + static_cast<std::uint64_t>(layer.index())};
  const Schedule schedule{.steps = batches.steps(),
                          .warmup = std::llround(options_.warmup * static_cast<double>(batches.steps()))};
  for (std::int64_t step = 0; step < schedule.steps; ++step) {
    if (share_) share_(static_cast<double>(step) / static_cast<double>(schedule.steps));
    const auto windows = batches.at(step);
    const Matrix x = gather(layer.states(), windows, input_);
    const Matrix out = output_.row_range(0, x.rows), d = gradient_.row_range(0, x.rows);
    const LayerWeights weights = learned.quantize(weights_);
    one.forward(out, x, weights, rope_, tape_);
    loss(d, out, windows);
    one.backward(d, weights, dweights, rope_, tape_, false);
    learned.take_gradients(dweights);
    optimizer.step(schedule.factor(step), layer_prefix(layer.model().config(), layer.index()));
  }
}

double BlockTraining::loss(const Matrix& d, const Matrix& out, const std::vector<std::size_t>& windows) {
  Compute& compute = model_.compute();
  const Matrix wanted = gather(target_, windows, wanted_);
  std::vector<float> values(wanted.rows * wanted.cols), factors(wanted.rows);
  compute.read(wanted, values);
  for (std::size_t r = 0; r < factors.size(); ++r) {
    double squares = 1e-12;
    for (std::size_t c = 0; c < wanted.cols; ++c) {
      const double value = values[r * wanted.cols + c];
      squares += value * value;
    }
    factors[r] = static_cast<float>(1.0 / std::sqrt(squares * static_cast<double>(factors.size())));
  }
  const std::span<const std::size_t> all(tape_.all_rows.data(), d.rows);
  compute.scale(wanted, -1.0F);
  compute.add(wanted, out);
  compute.scale(d, 0.0F);
  compute.add_rows(d, wanted, all, factors);
  const double loss = gradients_->sum_of_squares(d);
  for (float& factor : factors) factor *= 2.0F * factor;
  compute.scale(d, 0.0F);
  compute.add_rows(d, wanted, all, factors);
  return loss;
}

double BlockTraining::mean_error(CalibrationLayer& layer, const TrainingLayer& one,
                                 const LayerWeights& weights) {
  double sum = 0;
  for (std::size_t first = 0; first < target_.windows(); first += options_.batch) {
    std::vector<std::size_t> windows(std::min(options_.batch, target_.windows() - first));
    for (std::size_t i = 0; i < windows.size(); ++i) windows[i] = first + i;
    const Matrix x = gather(layer.states(), windows, input_);
    const Matrix out = output_.row_range(0, x.rows);
    one.forward(out, x, weights, rope_, tape_);
    sum += loss(gradient_.row_range(0, x.rows), out, windows) * static_cast<double>(windows.size());
  }
  return std::sqrt(sum / static_cast<double>(target_.windows()));
}

}  // namespace presswork::modelkit
