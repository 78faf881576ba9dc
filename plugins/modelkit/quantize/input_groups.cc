#include "plugins/modelkit/quantize/input_groups.h"

#include <algorithm>
#include <string_view>

namespace presswork::modelkit {

std::vector<InputGroup> input_groups(const ModelConfig& model, std::int64_t layer) {
  const LayerModules& names = model.modules;
  const std::vector<LinearSite> sites = layer_sites(model, layer).linears;
  std::vector<InputGroup> groups;
  const auto add = [&](const std::vector<std::string>& modules) {
    InputGroup group;
    for (const LinearSite& site : sites) {
      if (std::find(modules.begin(), modules.end(), site.module) == modules.end()) continue;
      group.modules.push_back(site.module);
      group.inputs = site.in;
    }
    if (!group.modules.empty()) groups.push_back(std::move(group));
  };
  const auto add_mlp = [&](std::string_view gate, std::string_view up, std::string_view down,
                           std::int64_t expert) {
    add({numbered(gate, expert), numbered(up, expert)});
    add({numbered(down, expert)});
  };
  add({std::string(names.q), std::string(names.k), std::string(names.v), std::string(names.qkv)});
  add({std::string(names.o)});
  if (!model.kind(layer).experts) {
    add({std::string(names.gate), std::string(names.up), std::string(names.gate_up)});
    add({std::string(names.down)});
    return groups;
  }
  for (std::int64_t e = 0; e < model.experts.count; ++e)
    add_mlp(names.expert_gate, names.expert_up, names.expert_down, e);
  add_mlp(names.shared_gate, names.shared_up, names.shared_down, 0);
  return groups;
}

}  // namespace presswork::modelkit
