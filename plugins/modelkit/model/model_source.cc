#include "plugins/modelkit/model/model_source.h"

#include <utility>
#include <vector>

namespace presswork::modelkit {
namespace {

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  to_float(tensor.dtype, tensor.bytes.data(), values.size(), values.data());
  return values;
}

}  // namespace

ModelSource::ModelSource(Checkpoint checkpoint, ModelConfig config, QuantizationConfig quantization)
    : checkpoint_(std::move(checkpoint)),
      config_(std::move(config)),
      quantization_(std::move(quantization)) {}

ModelSource ModelSource::open(const std::filesystem::path& folder) {
  Checkpoint checkpoint = Checkpoint::open(folder);
  auto config = ModelConfig::parse(checkpoint.config(), checkpoint.config_path());
  auto quantization = QuantizationConfig::parse(checkpoint.config(), checkpoint.config_path());
  return {std::move(checkpoint), std::move(config), std::move(quantization)};
}

LinearWeight ModelSource::linear(std::string_view module) const {
  return load_linear(checkpoint_, quantization_, module);
}

std::shared_ptr<const PackedLinear> ModelSource::packed(Compute& compute, const LinearSite& site) const {
  auto packed_linear = packed(compute, site, linear(site.module));
  checkpoint_.release(site.module);
  return packed_linear;
}

std::shared_ptr<const PackedLinear> ModelSource::packed(Compute& compute, const LinearSite& site,
                                                        const LinearWeight& weight) const {
  std::vector<float> bias;
  if (site.bias) bias = floats_of(checkpoint_.tensor(site.module + ".bias"));
  LinearSource source;
  source.out = static_cast<std::size_t>(weight.out);
  source.in = static_cast<std::size_t>(weight.in);
  source.rows = [&](std::size_t first, std::size_t last, float* target) {
    weight.dequantize(static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), target);
  };
  source.bias = bias;
  return compute.pack(source);
}

Matrix ModelSource::vector(Compute& compute, const std::string& name) const {
  const auto values = floats_of(checkpoint_.tensor(name));
  const Matrix matrix = compute.allocate(1, values.size());
  compute.write(matrix, values);
  return matrix;
}

std::string ModelSource::find_not_finite(const std::string& module) const {
  for (const auto& name : checkpoint_.names()) {
    if (name.compare(0, module.size() + 1, module + ".") != 0) continue;
    const TensorView& tensor = checkpoint_.tensor(name);
    const auto count = static_cast<std::size_t>(tensor.elements());
    if (modelkit::find_not_finite(tensor.dtype, tensor.bytes.data(), count) < count) return name;
  }
  return {};
}

}  // namespace presswork::modelkit
