#include "plugins/modelkit/checkpoint/architecture.h"

#include "plugins/modelkit/checkpoint/architectures/all.h"
#include "presswork/error.h"

namespace presswork::modelkit {

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* known : kArchitectures) {
    if (known->name == name) return known;
  }
  return nullptr;
}

const Architecture& architecture_of(const ModelConfig& model) {
  if (const Architecture* found = find_architecture(model.architecture)) return *found;
  throw Error("unsupported", "the architecture " + model.architecture + " is not supported", "config.json",
              "supported: " + supported_architectures());
}

std::string supported_architectures() {
  std::string text;
  for (const Architecture* known : kArchitectures) {
    if (!text.empty()) text += ", ";
    text += known->name;
  }
  return text;
}

std::string layer_prefix(const ModelConfig& model, std::int64_t index) {
  return std::string(architecture_of(model).layers) + "." + std::to_string(index);
}

std::vector<LinearSite> decoder_linears(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  std::vector<LinearSite> linears;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string prefix = layer_prefix(model, layer) + ".";
    for (LinearSite site : architecture.layer(model, layer).linears) {
      site.module.insert(0, prefix);
      linears.push_back(std::move(site));
    }
  }
  return linears;
}

LinearSite head_linear(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  return {std::string(model.tied_embeddings ? architecture.embedding : architecture.head), model.vocab,
          model.hidden};
}

std::vector<TensorSite> expected_tensors(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  const auto weight = [](std::string_view module) { return std::string(module) + ".weight"; };
  std::vector<TensorSite> tensors{{weight(architecture.embedding), {model.vocab, model.hidden}}};
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string prefix = layer_prefix(model, layer) + ".";
    const LayerSites sites = architecture.layer(model, layer);
    for (const LinearSite& linear : sites.linears) {
      tensors.push_back({weight(prefix + linear.module), {linear.out, linear.in}});
      if (linear.bias) tensors.push_back({prefix + linear.module + ".bias", {linear.out}});
    }
    for (const TensorSite& other : sites.others) tensors.push_back({prefix + other.tensor, other.shape});
  }
  tensors.push_back({weight(architecture.final_norm), {model.hidden}});
  if (!model.tied_embeddings) tensors.push_back({weight(architecture.head), {model.vocab, model.hidden}});
  return tensors;
}

}  // namespace presswork::modelkit
