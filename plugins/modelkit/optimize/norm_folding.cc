#include "plugins/modelkit/optimize/norm_folding.h"

#include <algorithm>
#include <cstring>

namespace presswork::modelkit {
namespace {

bool neutral(const std::vector<float>& factors) {
  return std::all_of(factors.begin(), factors.end(), [](float factor) { return factor == 1.0F; });
}

std::vector<LinearSite> named(const ModelConfig& model, std::int64_t layer,
                              const std::vector<std::string_view>& modules) {
  std::vector<LinearSite> found;
  for (LinearSite site : layer_sites(model, layer).linears) {
    if (std::find(modules.begin(), modules.end(), site.module) == modules.end()) continue;
    site.module = layer_prefix(model, layer) + "." + site.module;
    found.push_back(std::move(site));
  }
  return found;
}

void add_layer(const ModelConfig& model, std::int64_t layer, std::vector<NormReaders>& found) {
  const LayerModules& m = model.modules;
  const std::string prefix = layer_prefix(model, layer) + ".";
  const std::vector<std::string_view> attention = {m.q, m.k, m.v, m.qkv};
  std::vector<std::string_view> mlp = {m.up, m.gate_up};
  if (!m.gate.empty()) mlp.push_back(m.gate);
  // In a parallel layer without a norm of its own the MLP reads the first norm too.
  const bool shared = model.parallel && m.mlp_norm.empty();
  const bool experts = model.kind(layer).experts;
  if (!m.input_norm.empty() && !(shared && experts)) {
    std::vector<std::string_view> readers = attention;
    if (shared) readers.insert(readers.end(), mlp.begin(), mlp.end());
    found.push_back({prefix + std::string(m.input_norm), named(model, layer, readers)});
  }
  if (!m.mlp_norm.empty() && !experts) {
    found.push_back({prefix + std::string(m.mlp_norm), named(model, layer, mlp)});
  }
}

struct Products {
  std::vector<float> values;
  bool exact = true;  // as float32
};

Products products_of(const DenseWeight& dense, std::int64_t out, const std::vector<float>& factors) {
  const std::size_t in = factors.size();
  Products products;
  products.values.resize(static_cast<std::size_t>(out) * in);
  to_float(dense.dtype, dense.bytes.data(), products.values.size(), products.values.data());
  for (std::size_t i = 0; i < products.values.size(); ++i) {
    const double exact = static_cast<double>(products.values[i]) * factors[i % in];
    products.values[i] = static_cast<float>(exact);
    products.exact = products.exact && static_cast<double>(products.values[i]) == exact;
  }
  return products;
}

// As `dtype` and back: whether nothing is lost.
std::optional<std::vector<std::byte>> stored_as(DType dtype, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * size_of(dtype));
  from_float(dtype, values.data(), values.size(), bytes.data());
  std::vector<float> back(values.size());
  to_float(dtype, bytes.data(), back.size(), back.data());
  if (back != values) return std::nullopt;
  return bytes;
}

}  // namespace

std::vector<NormReaders> foldable_norms(const ModelConfig& model) {
  std::vector<NormReaders> found;
  if (!model.norm.weight || model.norm.bias) return found;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) add_layer(model, layer, found);
  const Architecture& architecture = architecture_of(model);
  if (!model.tied_embeddings && !architecture.final_norm.empty()) {
    found.push_back({std::string(architecture.final_norm), {head_linear(model)}});
  }
  return found;
}

Folding fold(const ModelSource& model, const NormReaders& readers, bool widen) {
  const std::string norm = readers.norm + ".weight";
  const TensorView* stored = model.checkpoint().find(norm);
  if (stored == nullptr || readers.linears.empty()) return {{}, "the norm has no weight"};
  const auto size = static_cast<std::size_t>(readers.linears.front().in);
  const std::vector<float> factors = model.norm_factors(readers.norm, size);
  if (neutral(factors)) return {{}, "the norm is neutral already"};
  Folding folding;
  for (const LinearSite& site : readers.linears) {
    const LinearWeight weight = model.linear(site.module);
    if (weight.dense() == nullptr) return {{}, site.module + " is quantized"};
    const Products products = products_of(*weight.dense(), weight.out, factors);
    if (!products.exact) return {{}, "a product with " + site.module + " is not exact in float32"};
    DType dtype = weight.dense()->dtype;
    auto bytes = stored_as(dtype, products.values);
    if (!bytes && widen) bytes = stored_as(dtype = DType::F32, products.values);
    if (!bytes) return {{}, "a product with " + site.module + " does not fit its type"};
    folding.tensors.push_back({site.module + ".weight", dtype, std::move(*bytes)});
  }
  const std::vector<float> ones(size, model.config().norm.plus_one ? 0.0F : 1.0F);
  folding.tensors.push_back({norm, stored->dtype, *stored_as(stored->dtype, ones)});
  return folding;
}

}  // namespace presswork::modelkit
