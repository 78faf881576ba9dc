#include "plugins/modelkit/quantize/folding.h"

#include <algorithm>
#include <string_view>

namespace presswork::modelkit {
namespace {

std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

// For each input of o the row of v that makes it, in v's own weight or the fused one.
std::vector<std::size_t> value_rows(const ModelConfig& m) {
  const std::int64_t queries = m.heads / m.kv_heads;
  std::vector<std::size_t> rows;
  for (std::int64_t head = 0; head < m.heads; ++head) {
    const std::int64_t kv = head / queries;
    std::int64_t first = kv * m.head_dim;
    if (!m.modules.qkv.empty()) {
      first = m.fused_order == FusedOrder::Stacked ? (m.heads + m.kv_heads + kv) * m.head_dim
                                                   : (kv * (queries + 2) + queries + 1) * m.head_dim;
    }
    for (std::int64_t d = 0; d < m.head_dim; ++d) rows.push_back(size(first + d));
  }
  return rows;
}

std::vector<std::size_t> consecutive(std::int64_t first, std::int64_t count) {
  std::vector<std::size_t> rows(size(count));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = size(first) + i;
  return rows;
}

// The group that `module` is in; without modules when there is none.
InputGroup group_of(const std::vector<InputGroup>& groups, std::string_view module) {
  for (const InputGroup& group : groups) {
    if (std::find(group.modules.begin(), group.modules.end(), module) != group.modules.end()) return group;
  }
  return {};
}

void add_attention(std::vector<FoldingSite>& sites, const ModelConfig& m,
                   const std::vector<InputGroup>& groups) {
  const LayerModules& names = m.modules;
  const bool fused = !names.qkv.empty();
  const bool shared = m.parallel && names.mlp_norm.empty();
  if (!names.input_norm.empty() && m.norm.weight && !shared) {
    sites.push_back(
        {group_of(groups, fused ? names.qkv : names.q), std::string(names.input_norm), "", {}, m.norm.bias});
  }
  if (m.qkv_limit == 0) {
    sites.push_back(
        {group_of(groups, names.o), "", std::string(fused ? names.qkv : names.v), value_rows(m), m.qkv_bias});
  }
}

void add_mlp(std::vector<FoldingSite>& sites, const ModelConfig& m, const std::vector<InputGroup>& groups) {
  const LayerModules& names = m.modules;
  const bool fused = !names.gate_up.empty(), gated = fused || !names.gate.empty();
  if (!names.mlp_norm.empty() && m.norm.weight) {
    sites.push_back({group_of(groups, fused ? names.gate_up : names.up),
                     std::string(names.mlp_norm),
                     "",
                     {},
                     m.norm.bias});
  }
  if (!gated) return;
  sites.push_back({group_of(groups, names.down), "", std::string(fused ? names.gate_up : names.up),
                   consecutive(fused ? m.intermediate : 0, m.intermediate), m.mlp_bias});
}

void add_experts(std::vector<FoldingSite>& sites, const ModelConfig& m,
                 const std::vector<InputGroup>& groups) {
  const LayerModules& names = m.modules;
  const auto add = [&](std::string_view gate, std::string_view up, std::string_view down, std::int64_t expert,
                       std::int64_t width) {
    if (gate.empty() || up.empty()) return;
    sites.push_back({group_of(groups, numbered(down, expert)), "", numbered(up, expert),
                     consecutive(0, width), m.mlp_bias});
  };
  for (std::int64_t e = 0; e < m.experts.count; ++e)
    add(names.expert_gate, names.expert_up, names.expert_down, e, m.experts.intermediate);
  if (m.experts.shared_intermediate != 0)
    add(names.shared_gate, names.shared_up, names.shared_down, 0, m.experts.shared_intermediate);
}

}  // namespace

std::vector<FoldingSite> folding_sites(const ModelConfig& model, std::int64_t layer) {
  const std::vector<InputGroup> groups = input_groups(model, layer);
  std::vector<FoldingSite> sites;
  add_attention(sites, model, groups);
  model.kind(layer).experts ? add_experts(sites, model, groups) : add_mlp(sites, model, groups);
  return sites;
}

}  // namespace presswork::modelkit
