#include "plugins/modelkit/quantize/layer_scaling.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "plugins/modelkit/quantize/integer_weight.h"

namespace presswork::modelkit {
namespace {

float power_of_two(float value) { return std::exp2(std::round(std::log2(value))); }

}  // namespace

const std::vector<float>& LayerScaling::weight(const std::string& module) {
  const auto found = weights_.find(module);
  if (found != weights_.end()) return found->second;
  const std::string name = layer_.whole_name(module);
  const LinearWeight stored = layer_.weight(module);
  std::vector<float> values = stored.dequantize();
  expect_finite_rows(values, static_cast<std::size_t>(stored.in), 0, name);
  layer_.model().checkpoint().release(name);
  outputs_[module] = static_cast<std::size_t>(stored.out);
  return weights_.emplace(module, std::move(values)).first->second;
}

std::size_t LayerScaling::outputs(const std::string& module) {
  weight(module);
  return outputs_.at(module);
}

Scaling& LayerScaling::scaling(const std::string& module) {
  Scaling& found = scalings_[module];
  if (found.columns.empty()) {
    const std::size_t all = weight(module).size(), out = outputs_.at(module);
    found.columns.assign(all / out, 1.0F);
    found.rows.assign(out, 1.0F);
  }
  return found;
}

std::vector<float> LayerScaling::scaled(const std::string& module) {
  std::vector<float> values = weight(module);
  const Scaling& scales = scaling(module);
  const std::size_t in = scales.columns.size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scales.columns[i % in] / scales.rows[i / in];
  return values;
}

bool LayerScaling::foldable(const FoldingSite& site) const {
  const auto target = [&](const std::string& module) { return targets_.contains(layer_.whole_name(module)); };
  return !site.consumers.modules.empty() &&
         std::all_of(site.consumers.modules.begin(), site.consumers.modules.end(), target) &&
         (site.producer.empty() || target(site.producer));
}

std::vector<float> LayerScaling::norm_values(const std::string& norm, const char* part,
                                             std::size_t count) const {
  return layer_.model().values(layer_.whole_name(norm + part), count);
}

DType LayerScaling::stored_type(const std::string& tensor) const {
  return layer_.model().checkpoint().tensor(layer_.whole_name(tensor)).dtype;
}

void LayerScaling::make_exact(const FoldingSite& site, std::vector<float>& scales) const {
  if (site.biased) {
    for (float& scale : scales) scale = power_of_two(scale);
  }
  if (site.norm.empty()) return;
  const auto stored = norm_values(site.norm, ".weight", scales.size());
  const DType dtype = stored_type(site.norm + ".weight");
  const float shift = layer_.model().config().norm.plus_one ? 1.0F : 0.0F;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const float before = stored[i] + shift;
    const float after = rounded_through(dtype, before / scales[i] - shift) + shift;
    scales[i] = after == 0.0F ? 1.0F : before / after;
    if (!(scales[i] > 0.0F) || !std::isfinite(scales[i])) scales[i] = 1.0F;
  }
}

void LayerScaling::fold(const FoldingSite& site, const std::vector<float>& scales, double power) {
  for (const std::string& module : site.consumers.modules) {
    scaling(module).columns = scales;
    scaling(module).power = power;
  }
  if (!site.producer.empty()) {
    std::vector<float>& rows = scaling(site.producer).rows;
    for (std::size_t i = 0; i < scales.size(); ++i) rows[site.rows[i]] = scales[i];
  } else {
    const float shift = layer_.model().config().norm.plus_one ? 1.0F : 0.0F;
    auto values = norm_values(site.norm, ".weight", scales.size());
    const DType dtype = stored_type(site.norm + ".weight");
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = rounded_through(dtype, (values[i] + shift) / scales[i] - shift);
    tensors_[site.norm + ".weight"] = std::move(values);
  }
  if (!site.biased) return;
  const std::string made_by = site.norm.empty() ? site.producer : site.norm;
  const std::size_t count = site.norm.empty() ? outputs(site.producer) : scales.size();
  auto bias = norm_values(made_by, ".bias", count);
  for (std::size_t i = 0; i < count; ++i)
    bias[i] /= site.norm.empty() ? scaling(site.producer).rows[i] : scales[i];
  tensors_[made_by + ".bias"] = std::move(bias);
}

}  // namespace presswork::modelkit
