#include "plugins/modelkit/train/learned_layer.h"

namespace presswork::modelkit {

LearnedLayer::LearnedLayer(Compute& compute, Gradients& gradients, const ModelSource& source,
                           const TrainingLayer& layer, const std::map<std::string, LinearWeight>& start,
                           DType scale_dtype, Learned learned,
                           const std::map<std::string, std::vector<float>>& weights) {
  const std::string prefix = layer_prefix(source.config(), layer.index()) + ".";
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    const LinearSite& site = layer.sites()[i];
    modules_[i] = site.module;
    if (const auto found = start.find(site.module); found != start.end()) {
      const auto own = weights.find(site.module);
      learned_[i] = std::make_unique<LearnedWeight>(compute, gradients, found->second,
                                                    own == weights.end() ? std::vector<float>() : own->second,
                                                    scale_dtype, learned);
      continue;
    }
    plain_[i] = compute.allocate(static_cast<std::size_t>(site.out), static_cast<std::size_t>(site.in));
    compute.write(plain_[i], source.linear(prefix + site.module).dequantize());
    source.checkpoint().release(prefix + site.module);
  }
}

LayerWeights LearnedLayer::quantize(const LayerWeights& room) {
  LayerWeights weights = plain_;
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (!learned_[i]) continue;
    weights[i] = room[i];
    learned_[i]->quantize(room[i]);
  }
  return weights;
}

LayerWeights LearnedLayer::wanted(const LayerWeights& room) const {
  LayerWeights gradients;
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (learned_[i]) gradients[i] = room[i];
  }
  return gradients;
}

void LearnedLayer::take_gradients(const LayerWeights& dweights) {
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (learned_[i]) learned_[i]->take_gradient(dweights[i]);
  }
}

void LearnedLayer::add_to(Optimizer& optimizer, const LayerWeights& dweights,
                          const LearningRates& rates) const {
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (learned_[i]) learned_[i]->add_to(optimizer, dweights[i], rates);
  }
}

std::map<std::string, LinearWeight> LearnedLayer::result() {
  std::map<std::string, LinearWeight> linears;
  for (std::size_t i = 0; i < kLayerLinears; ++i) {
    if (learned_[i]) linears.emplace(modules_[i], learned_[i]->result());
  }
  return linears;
}

}  // namespace presswork::modelkit
