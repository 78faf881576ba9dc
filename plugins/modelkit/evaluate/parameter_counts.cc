#include "plugins/modelkit/evaluate/parameter_counts.h"

#include <charconv>
#include <string_view>

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string kind_of(const Architecture& architecture, std::string_view module) {
  if (module == architecture.embedding) return "embedding";
  if (module == architecture.head) return "head";
  if (contains(module, "norm")) return "norm";
  if (contains(module, "attn")) return "attention";
  return contains(module, "mlp") || contains(module, "expert") ? "mlp" : "other";
}

}  // namespace

ParameterCounts count_parameters(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  const std::string layers = std::string(architecture.layers) + ".";
  ParameterCounts counts;
  counts.by_layer.resize(static_cast<std::size_t>(model.layers), 0);
  for (const TensorSite& site : expected_tensors(model)) {
    const std::int64_t elements = element_count(site.shape, site.tensor);
    std::string module = site.tensor.substr(0, site.tensor.rfind('.'));
    counts.total += elements;
    counts.by_kind[kind_of(architecture, module)] += elements;
    std::size_t layer = 0;
    if (module.starts_with(layers)) {
      const char* end = module.data() + module.size();
      const auto [rest, error] = std::from_chars(module.data() + layers.size(), end, layer);
      if (error == std::errc() && layer < counts.by_layer.size()) counts.by_layer[layer] += elements;
      module = rest == end ? module : std::string(rest + 1, end);
    }
    counts.by_module[module] += elements;
  }
  return counts;
}

}  // namespace presswork::modelkit
