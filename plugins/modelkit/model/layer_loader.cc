#include "plugins/modelkit/model/layer_loader.h"

#include <algorithm>

#include "presswork/error.h"

namespace presswork::modelkit {

LayerLoader::LayerLoader(Compute& compute, const ModelSource& model, std::int64_t index)
    : compute_(&compute),
      model_(&model),
      index_(index),
      kind_(model.config().kind(index)),
      prefix_(layer_prefix(model.config(), index) + ".") {
  LayerSites sites = layer_sites(model.config(), index);
  sites_ = std::move(sites.linears);
  std::move(sites.routers.begin(), sites.routers.end(), std::back_inserter(sites_));
}

const LinearSite& LayerLoader::site(std::string_view module) const {
  const auto found = std::find_if(sites_.begin(), sites_.end(),
                                  [&](const LinearSite& known) { return known.module == module; });
  if (found != sites_.end()) return *found;
  throw Error("internal", "the layer has no such linear", prefix_ + std::string(module));
}

Projection LayerLoader::linear(std::string_view module) const {
  return std::move(parts(module, {{}}).front());
}

std::vector<Projection> LayerLoader::parts(std::string_view module,
                                           const std::vector<std::vector<RowRange>>& rows) const {
  const LinearSite& relative = site(module);
  const LinearWeight weight = model_->linear(prefix_ + relative.module);
  if (weight.out != relative.out || weight.in != relative.in) {
    throw Error("corrupt_file",
                "the weight is " + to_text({weight.out, weight.in}) + "; " +
                    to_text({relative.out, relative.in}) + " is expected",
                prefix_ + relative.module, "check that config.json belongs to these weights");
  }
  std::vector<Projection> projections;
  for (const auto& part : rows) {
    projections.push_back({relative, part, nullptr});
    replace(projections.back(), weight);
  }
  model_->checkpoint().release(prefix_ + relative.module);
  return projections;
}

void LayerLoader::replace(Projection& projection, const LinearWeight& weight) const {
  const LinearSite& relative = projection.site;
  if (weight.out != relative.out || weight.in != relative.in) {
    throw Error("internal", "the new weight has another shape", prefix_ + relative.module);
  }
  LinearSite whole = relative;
  whole.module.insert(0, prefix_);
  const auto bias = biases_.find(relative.module);
  projection.packed = model_->packed(*compute_, whole, weight, projection.rows,
                                     bias == biases_.end() ? nullptr : &bias->second);
}

Norm LayerLoader::norm(std::string_view module, const NormStyle& style, std::size_t size) const {
  if (module.empty()) return {};
  return {*compute_, *model_, prefix_ + std::string(module), style, size};
}

void LayerLoader::expect_finite(const Matrix& values, std::string_view module) const {
  if (compute_->all_finite(values)) return;
  const std::string name = prefix_ + std::string(module);
  const std::string culprit = model_->find_not_finite(name);
  throw Error("not_finite",
              culprit.empty()
                  ? "the output overflowed: it holds NaN or infinity, though the weights are finite"
                  : "the output holds NaN or infinity, and so does the stored tensor " + culprit,
              name,
              culprit.empty() ? "compare with the model before its last change, layer by layer"
                              : "write or download the model again");
}

}  // namespace presswork::modelkit
