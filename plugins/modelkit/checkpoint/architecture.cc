#include "plugins/modelkit/checkpoint/architecture.h"

#include "plugins/modelkit/model/architectures/all.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::string weight_of(std::string_view module) { return std::string(module) + ".weight"; }

void add_norm(std::vector<TensorSite>& tensors, std::string_view module, const NormStyle& style,
              const Shape& shape) {
  if (module.empty()) return;
  if (style.weight) tensors.push_back({weight_of(module), shape});
  if (style.bias) tensors.push_back({std::string(module) + ".bias", shape});
}

void add_linear(std::vector<TensorSite>& tensors, const std::string& prefix, const LinearSite& linear) {
  tensors.push_back({weight_of(prefix + linear.module), {linear.out, linear.in}});
  if (linear.bias) tensors.push_back({prefix + linear.module + ".bias", {linear.out}});
}

void add_qk_norm(std::vector<TensorSite>& tensors, const ModelConfig& m, std::string_view module,
                 std::int64_t heads) {
  const bool module_each = module.find('*') != std::string_view::npos;
  switch (m.qk_norm) {
    case QkNorm::None:
      return;
    case QkNorm::Head:
      return add_norm(tensors, module, m.qk_norm_style, {m.head_dim});
    case QkNorm::Whole:
      return add_norm(tensors, module, m.qk_norm_style, {heads * m.head_dim});
    case QkNorm::OwnHead:
      if (!module_each) return add_norm(tensors, module, m.qk_norm_style, {heads, m.head_dim});
      for (std::int64_t head = 0; head < heads; ++head) {
        add_norm(tensors, numbered(module, head), m.qk_norm_style, {m.head_dim});
      }
  }
}

void add_attention(LayerSites& sites, const ModelConfig& m) {
  const LayerModules& names = m.modules;
  const std::int64_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  if (names.qkv.empty()) {
    sites.linears.push_back({std::string(names.q), q, m.hidden, m.qkv_bias});
    sites.linears.push_back({std::string(names.k), kv, m.hidden, m.qkv_bias});
    sites.linears.push_back({std::string(names.v), kv, m.hidden, m.qkv_bias});
  } else {
    sites.linears.push_back({std::string(names.qkv), q + 2 * kv, m.hidden, m.qkv_bias});
  }
  sites.linears.push_back({std::string(names.o), m.hidden, q, m.output_bias});
  add_qk_norm(sites.others, m, names.q_norm, m.heads);
  add_qk_norm(sites.others, m, names.k_norm, m.kv_heads);
  if (!names.sinks.empty()) sites.others.push_back({std::string(names.sinks), {m.heads}});
}

void add_experts(LayerSites& sites, const ModelConfig& m) {
  const LayerModules& names = m.modules;
  const Experts& e = m.experts;
  const auto add = [&](std::string_view name, std::int64_t out, std::int64_t in) {
    if (!name.empty()) sites.linears.push_back({std::string(name), out, in, m.mlp_bias});
  };
  sites.routers.push_back({std::string(names.router), e.count, m.hidden, e.router_bias});
  if (!names.router_bias.empty()) {
    sites.others.push_back(
        {std::string(names.router_bias), e.bias_is_row ? Shape{1, e.count} : Shape{e.count}});
  }
  for (std::int64_t i = 0; i < e.count; ++i) {
    if (!names.expert_gate.empty()) add(numbered(names.expert_gate, i), e.intermediate, m.hidden);
    add(numbered(names.expert_up, i), e.intermediate, m.hidden);
    add(numbered(names.expert_down, i), m.hidden, e.intermediate);
  }
  if (e.shared_intermediate == 0) return;
  add(names.shared_gate, e.shared_intermediate, m.hidden);
  add(names.shared_up, e.shared_intermediate, m.hidden);
  add(names.shared_down, m.hidden, e.shared_intermediate);
  if (!names.shared_router.empty()) {
    sites.routers.push_back({std::string(names.shared_router), 1, m.hidden, false});
  }
}

void add_mlp(LayerSites& sites, const ModelConfig& m) {
  const LayerModules& names = m.modules;
  const auto add = [&](std::string_view name, std::int64_t out, std::int64_t in) {
    if (!name.empty()) sites.linears.push_back({std::string(name), out, in, m.mlp_bias});
  };
  if (names.gate_up.empty()) {
    add(names.gate, m.intermediate, m.hidden);
    add(names.up, m.intermediate, m.hidden);
  } else {
    add(names.gate_up, 2 * m.intermediate, m.hidden);
  }
  add(names.down, m.hidden, m.intermediate);
}

}  // namespace

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

std::string numbered(std::string_view name, std::int64_t number) {
  const std::size_t star = name.find('*');
  if (star == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, star)) + std::to_string(number) + std::string(name.substr(star + 1));
}

LayerSites layer_sites(const ModelConfig& m, std::int64_t index) {
  const LayerModules& names = m.modules;
  LayerSites sites;
  add_attention(sites, m);
  m.kind(index).experts ? add_experts(sites, m) : add_mlp(sites, m);
  for (const std::string_view norm :
       {names.input_norm, names.attention_norm, names.mlp_norm, names.mlp_output_norm}) {
    add_norm(sites.others, norm, m.norm, {m.hidden});
  }
  return sites;
}

std::vector<LinearSite> decoder_linears(const ModelConfig& model) {
  std::vector<LinearSite> linears;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string prefix = layer_prefix(model, layer) + ".";
    for (LinearSite& site : layer_sites(model, layer).linears) {
      site.module.insert(0, prefix);
      linears.push_back(std::move(site));
    }
  }
  return linears;
}

std::vector<LinearSite> decoder_routers(const ModelConfig& model) {
  std::vector<LinearSite> routers;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    if (!model.kind(layer).experts) continue;
    const std::string prefix = layer_prefix(model, layer) + ".";
    for (LinearSite& site : layer_sites(model, layer).routers) {
      site.module.insert(0, prefix);
      routers.push_back(std::move(site));
    }
  }
  return routers;
}

LinearSite head_linear(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  return {std::string(model.tied_embeddings ? architecture.embedding : architecture.head), model.vocab,
          model.hidden, model.head_bias && !model.tied_embeddings};
}

std::string_view tied_alias(const ModelConfig& model, std::string_view module) {
  const Architecture& architecture = architecture_of(model);
  return model.tied_embeddings && module == architecture.embedding ? architecture.head : std::string_view();
}

std::vector<TensorSite> expected_tensors(const ModelConfig& model) {
  const Architecture& architecture = architecture_of(model);
  std::vector<TensorSite> tensors{{weight_of(architecture.embedding), {model.vocab, model.hidden}}};
  if (!architecture.positions.empty()) {
    tensors.push_back({weight_of(architecture.positions),
                       {model.max_position + architecture.first_position, model.hidden}});
  }
  add_norm(tensors, architecture.embedding_norm, model.norm, {model.hidden});
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string prefix = layer_prefix(model, layer) + ".";
    const LayerSites sites = layer_sites(model, layer);
    for (const LinearSite& linear : sites.linears) add_linear(tensors, prefix, linear);
    for (const LinearSite& router : sites.routers) add_linear(tensors, prefix, router);
    for (const TensorSite& other : sites.others) tensors.push_back({prefix + other.tensor, other.shape});
  }
  add_norm(tensors, architecture.final_norm, model.norm, {model.hidden});
  if (!model.tied_embeddings) add_linear(tensors, "", head_linear(model));
  return tensors;
}

}  // namespace presswork::modelkit
