// Forward and backward of a whole Llama against PyTorch's autograd: two layers with biases and grouped
// queries, the final norm, the head, and both losses.
#include "golden.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/train/logit_loss.h"
#include "plugins/modelkit/train/training_layer.h"

namespace presswork::modelkit {
namespace {

constexpr std::size_t kTokens = 24;

class ModelGradients : public testing::Test {
 protected:
  ModelGradients() {
    for (std::int64_t i = 0; i < model_.layers(); ++i) {
      layers_.emplace_back(*compute_, *gradients_, source_, i);
      weights_.push_back(allocate_weights(*compute_, source_.config()));
      dweights_.push_back(allocate_weights(*compute_, source_.config()));
      tapes_.emplace_back(*compute_, source_.config(), ids_.size());
      for (std::size_t w = 0; w < kLayerLinears; ++w)
        compute_->write(weights_.back()[w], source_.linear(module(i, w)).dequantize());
    }
  }
  std::string module(std::int64_t layer, std::size_t which) const {
    return layer_prefix(source_.config(), layer) + "." +
           layers_[static_cast<std::size_t>(layer)].sites()[which].module;
  }

  // Gradients of the loss `name`, which `last` computes from the last states and puts its gradient in place
  // of.
  template <class Loss>
  void expect_gradients(const std::string& name, Loss last) {
    std::vector<Matrix> states{model_.embed(ids_, kTokens)};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      states.push_back(compute_->allocate(ids_.size(), states[0].cols));
      layers_[i].forward(states[i + 1], states[i], weights_[i], rope_, tapes_[i]);
    }
    EXPECT_NEAR(last(states.back()), golden_.values(name)[0], 1e-5);
    for (std::size_t i = layers_.size(); i-- > 0;)
      layers_[i].backward(states.back(), weights_[i], dweights_[i], rope_, tapes_[i], true);
    golden_.expect_near(*compute_, states.back(), name + ".input", 1e-4);
    for (std::int64_t i = 0; i < model_.layers(); ++i) {
      for (std::size_t w = 0; w < kLayerLinears; ++w)
        golden_.expect_near(*compute_, dweights_[static_cast<std::size_t>(i)][w], name + "." + module(i, w),
                            1e-4);
    }
  }

  Golden golden_;
  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  std::unique_ptr<Gradients> gradients_ = make_cpu_gradients(*compute_);
  ModelSource source_ = ModelSource::open(kTrainingGolden);
  Transformer model_{*compute_, source_};
  std::vector<std::int32_t> ids_ = [this] {
    const auto values = golden_.values("input_ids");
    return std::vector<std::int32_t>(values.begin(), values.end());
  }();
  TrainingRope rope_{*compute_, source_.config(), kTokens};
  std::vector<TrainingLayer> layers_;
  std::vector<LayerWeights> weights_, dweights_;
  std::vector<LayerTape> tapes_;
};

TEST_F(ModelGradients, OfTheCrossEntropyAreThoseOfPyTorch) {
  LogitLoss loss(model_, *gradients_, ids_.size());
  const auto targets = targets_of(TokenWindows(ids_, kTokens));
  expect_gradients("cross_entropy",
                   [&](const Matrix& states) { return loss.cross_entropy(states, targets); });
}

TEST_F(ModelGradients, OfTheDivergenceAreThoseOfPyTorch) {
  LogitLoss loss(model_, *gradients_, ids_.size());
  const Matrix baseline = golden_.matrix(*compute_, "baseline_states");
  expect_gradients("divergence", [&](const Matrix& states) { return loss.divergence(states, baseline); });
}

TEST_F(ModelGradients, OnlyWhatIsAskedForIsComputed) {
  const Matrix x = model_.embed(ids_, kTokens), out = compute_->allocate(x.rows, x.cols);
  layers_[0].forward(out, x, weights_[0], rope_, tapes_[0]);
  layers_[0].backward(out, weights_[0], {}, rope_, tapes_[0], false);  // must not touch what has no storage
}

}  // namespace
}  // namespace presswork::modelkit
