#include "plugins/modelkit/train/model_training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/train/schedule.h"

namespace presswork::modelkit {

ModelTraining::ModelTraining(Transformer& model, const TokenWindows& windows, const StateLimit& limit,
                             const LayerStore& start, const ModelTrainingOptions& options,
                             std::filesystem::path file)
    : model_(model),
      windows_(windows),
      limit_(limit),
      options_(options),
      file_(std::move(file)),
      gradients_(make_cpu_gradients(model.compute())),
      optimizer_(model.compute(), *gradients_, options.optimizer),
      batches_{
          .windows = windows.count(), .size = options.batch, .epochs = options.epochs, .seed = options.seed},
      rope_(model.compute(), model.config(), windows.length()),
      tape_(model.compute(), model.config(), options.batch * windows.length()),
      weights_(allocate_weights(model.compute(), model.config())),
      dweights_(allocate_weights(model.compute(), model.config())),
      next_tokens_(targets_of(windows)) {
  Compute& compute = model.compute();
  const std::size_t rows = options.batch * windows.length();
  for (std::int64_t i = 0; i < model.layers(); ++i) {
    Layer layer;
    layer.one = std::make_unique<TrainingLayer>(compute, *gradients_, model.source(), i);
    layer.learned =
        std::make_unique<LearnedLayer>(compute, *gradients_, model.source(), *layer.one,
                                       start.load(i).linears, options.scale_dtype, Learned::Scales);
    layer.learned->add_to(optimizer_, dweights_, {.scales = options.rate});
    layers_.push_back(std::move(layer));
  }
  for (std::int64_t i = 0; i <= model.layers(); ++i)
    states_.push_back(compute.allocate(rows, static_cast<std::size_t>(model.config().hidden)));
  targets_room_ = compute.allocate(rows, static_cast<std::size_t>(model.config().hidden));
}

void ModelTraining::run(const StepObserver& share) {
  steps_ = load_training(file_, optimizer_, model_.compute());
  resumed_ = static_cast<std::int64_t>(steps_.size());
  const Schedule schedule{.steps = batches_.steps(),
                          .warmup = std::llround(options_.warmup * static_cast<double>(batches_.steps()))};
  if (resumed_ >= schedule.steps) return;
  std::optional<HiddenStates> targets;
  if (options_.objective == Objective::Distillation)
    targets.emplace(run_layers(model_, windows_, limit_, [&](double) { share(0.0); }));
  LogitLoss loss(model_, *gradients_, states_.front().rows);
  for (std::int64_t step = resumed_; step < schedule.steps; ++step) {
    share(static_cast<double>(step) / static_cast<double>(schedule.steps));
    TrainingStep now;
    now.loss = gradients_of(batches_.at(step), loss, targets ? &*targets : nullptr);
    now.factor = schedule.factor(step);
    now.gradient_norm = optimizer_.step(now.factor, "end-to-end training");
    steps_.push_back(now);
    if ((step + 1) % options_.checkpoint_steps == 0 || step + 1 == schedule.steps)
      save_training(file_, optimizer_, steps_, model_.compute());
  }
}

double ModelTraining::gradients_of(const std::vector<std::size_t>& windows, LogitLoss& loss,
                                   HiddenStates* targets) {
  const std::size_t tokens = windows_.length(), rows = windows.size() * tokens, last = layers_.size();
  std::vector<std::int32_t> ids, next;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto own = windows_[windows[i]];
    ids.insert(ids.end(), own.begin(), own.end());
    const auto behind = std::span(next_tokens_).subspan(windows[i] * tokens, tokens);
    next.insert(next.end(), behind.begin(), behind.end());
    if (targets != nullptr) targets->take(windows[i], targets_room_.row_range(i * tokens, tokens));
  }
  const auto states = [&](std::size_t i) { return states_[i].row_range(0, rows); };
  model_.embed(states(0), ids, tokens);
  for (std::size_t i = 0; i < last; ++i)
    layers_[i].one->forward(states(i + 1), states(i), layers_[i].learned->quantize(weights_), rope_, tape_);
  const Matrix d = states(last);
  const double value =
      targets != nullptr ? loss.divergence(d, targets_room_.row_range(0, rows)) : loss.cross_entropy(d, next);
  for (std::size_t i = last; i-- > 0;) {
    Layer& layer = layers_[i];
    const LayerWeights weights = layer.learned->quantize(weights_);
    // The tape holds the last layer's activations already.
    if (i + 1 < last) layer.one->forward(targets_room_.row_range(0, rows), states(i), weights, rope_, tape_);
    const LayerWeights dweights = layer.learned->wanted(dweights_);
    layer.one->backward(d, weights, dweights, rope_, tape_, i > 0);
    layer.learned->take_gradients(dweights);
  }
  return value;
}

std::uint64_t ModelTraining::predicted_bytes(const ModelSource& model, const ModelTrainingOptions& options,
                                             std::size_t tokens) {
  const ModelConfig& m = model.config();
  std::uint64_t weights = 0;
  for (const LinearSite& site : decoder_linears(m)) weights += static_cast<std::uint64_t>(site.out * site.in);
  const std::uint64_t rows = options.batch * tokens, hidden = static_cast<std::uint64_t>(m.hidden);
  return sizeof(float) *
             (weights + 2 * weights / static_cast<std::uint64_t>(m.layers) +
              rows * (LayerTape::floats_per_row(m) + (static_cast<std::uint64_t>(m.layers) + 2) * hidden)) +
         LogitLoss::predicted_bytes(m, rows);
}

}  // namespace presswork::modelkit
