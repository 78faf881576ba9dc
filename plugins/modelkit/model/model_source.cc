#include "plugins/modelkit/model/model_source.h"

#include <algorithm>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Dequantizes rows [first, last) of what `ranges` string together.
void take_rows(const LinearWeight& weight, const std::vector<RowRange>& ranges, std::int64_t first,
               std::int64_t last, float* target) {
  std::int64_t start = 0;  // of the range, in what is strung together
  for (const RowRange& range : ranges) {
    const std::int64_t from = std::max(first, start), to = std::min(last, start + range.count);
    if (from < to) {
      weight.dequantize(range.first + from - start, range.first + to - start,
                        target + (from - first) * weight.in);
    }
    start += range.count;
  }
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
  const bool table = module == architecture_of(config_).embedding;
  return load_linear(checkpoint_, quantization_, table ? embedding() : std::string(module));
}

std::string ModelSource::embedding() const {
  const std::string_view own = architecture_of(config_).embedding, other = tied_alias(config_, own);
  const bool absent = checkpoint_.find(std::string(own) + ".weight") == nullptr;
  return std::string(absent && !other.empty() ? other : own);
}

std::shared_ptr<const PackedLinear> ModelSource::packed(Compute& compute, const LinearSite& site) const {
  auto packed_linear = packed(compute, site, linear(site.module));
  checkpoint_.release(site.module);
  return packed_linear;
}

std::shared_ptr<const PackedLinear> ModelSource::packed(Compute& compute, const LinearSite& site,
                                                        const LinearWeight& weight,
                                                        const std::vector<RowRange>& rows,
                                                        const std::vector<float>* other_bias) const {
  const std::vector<RowRange> ranges = rows.empty() ? std::vector<RowRange>{{0, weight.out}} : rows;
  LinearSource source;
  source.in = static_cast<std::size_t>(weight.in);
  for (const RowRange& range : ranges) source.out += static_cast<std::size_t>(range.count);
  source.rows = [&](std::size_t first, std::size_t last, float* target) {
    take_rows(weight, ranges, static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), target);
  };
  std::vector<float> bias;
  if (site.bias) {
    const auto whole = other_bias != nullptr
                           ? *other_bias
                           : values(site.module + ".bias", static_cast<std::size_t>(weight.out));
    for (const RowRange& range : ranges)
      bias.insert(bias.end(), whole.begin() + range.first, whole.begin() + range.first + range.count);
  }
  source.bias = bias;
  source.inputs = weight.inputs;
  // Integers as they are, where the rows follow one another and no input is out of its group's place.
  if (const GroupedIntWeight* ints = weight.grouped_int();
      ints != nullptr && ranges.size() == 1 && ints->group_of_input.empty()) {
    const std::int64_t first = ranges[0].first, groups = weight.groups();
    source.integers =
        GroupedIntegers{.bits = ints->bits,
                        .group_size = static_cast<std::size_t>(ints->group_size),
                        .q = ints->q.data() + first * weight.in,
                        .scales = ints->scales.data() + first * groups,
                        .zeros = ints->zeros.empty() ? nullptr : ints->zeros.data() + first * groups};
  }
  return compute.pack(source);
}

std::vector<float> ModelSource::values(const std::string& name, std::size_t size) const {
  const TensorView& tensor = checkpoint_.tensor(name);
  if (static_cast<std::size_t>(tensor.elements()) != size || !is_floating(tensor.dtype)) {
    throw Error("corrupt_file",
                "the tensor " + name + " is " + std::string(name_of(tensor.dtype)) + " " +
                    to_text(tensor.shape) + "; " + std::to_string(size) + " numbers are expected",
                checkpoint_.folder().string(), "check that config.json belongs to these weights");
  }
  std::vector<float> floats(size);
  to_float(tensor.dtype, tensor.bytes.data(), size, floats.data());
  return floats;
}

std::vector<float> ModelSource::norm_factors(const std::string& module, std::size_t size) const {
  const NormStyle& style = config().norm;
  std::vector<float> factors =
      style.weight ? values(module + ".weight", size) : std::vector<float>(size, 1.0F);
  if (style.plus_one) {
    for (float& factor : factors) factor += 1.0F;
  }
  return factors;
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
