#include "plugins/modelkit/quantize/format_change.h"

#include <algorithm>
#include <cstring>

#include "plugins/modelkit/checkpoint/format_limits.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

[[noreturn]] void refuse(std::string_view format, const std::string& module, const std::string& reason,
                         const std::string& others) {
  throw Error("unsupported",
              std::string(format) + " cannot hold the weight of " + module + " as it is: " + reason,
              "/format", "formats that can: " + others);
}

bool all_equal(const std::vector<float>& scales) {
  return std::adjacent_find(scales.begin(), scales.end(), std::not_equal_to<>()) == scales.end();
}

// Readers of int-quantized quantize the inputs too: as the weight says, or each token by its own range. The
// grid of static ones is stored with each module.
Int8Inputs inputs_of(const LinearWeight& weight) {
  Int8Inputs inputs = weight.inputs.value_or(Int8Inputs{});
  inputs.grid = {};
  return inputs;
}

QuantizationScheme scheme_of(PackedFormat format, const LinearWeight& weight) {
  QuantizationScheme scheme;
  scheme.format = format;
  if (const GroupedIntWeight* ints = weight.grouped_int()) {
    scheme.bits = ints->bits;
    scheme.group_size = ints->group_size;
    scheme.symmetric =
        std::all_of(ints->zeros.begin(), ints->zeros.end(), [](std::int8_t z) { return z == 0; });
    scheme.input_order = !ints->group_of_input.empty();
    if (format == PackedFormat::IntQuantized) scheme.inputs = inputs_of(weight);
  } else if (const auto* floats = std::get_if<ScaledFloatWeight>(&weight.form)) {
    scheme.bits = 8;
    scheme.per_tensor = all_equal(floats->scales);
  }
  return scheme;
}

// Modules of one scheme together. A single scheme is that of the whole class of modules.
std::vector<QuantizationScheme> grouped(const std::map<std::string, QuantizationScheme>& schemes) {
  std::vector<QuantizationScheme> groups;
  std::vector<std::vector<std::string>> names;
  for (const auto& [module, scheme] : schemes) {
    const auto found = std::find(groups.begin(), groups.end(), scheme);
    const auto at = static_cast<std::size_t>(found - groups.begin());
    if (found == groups.end()) {
      groups.push_back(scheme);
      names.emplace_back();
    }
    names[at].push_back(module);
  }
  for (std::size_t i = 0; i < groups.size(); ++i)
    groups[i].targets = groups.size() == 1 ? std::vector<std::string>{"Linear"} : names[i];
  return groups;
}

// Integers with zero points where the scheme has them, and only there.
LinearWeight fitted(LinearWeight weight, const QuantizationScheme& scheme) {
  if (auto* ints = std::get_if<GroupedIntWeight>(&weight.form)) {
    ints->symmetric = scheme.symmetric;
    if (scheme.symmetric) ints->zeros.clear();
    if (!scheme.symmetric) ints->zeros.resize(ints->scales.size(), 0);
  }
  return weight;
}

void expect_equal(const LinearWeight& a, const LinearWeight& b, const std::string& module) {
  constexpr std::int64_t kRows = 64;
  std::vector<float> left, right;
  for (std::int64_t row = 0; row < a.out; row += kRows) {
    const std::int64_t last = std::min(row + kRows, a.out);
    left.resize(static_cast<std::size_t>((last - row) * a.in));
    right.resize(left.size());
    a.dequantize(row, last, left.data());
    b.dequantize(row, last, right.data());
    if (std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) == 0) continue;
    throw Error("internal", "what was written is not what was read", module,
                "this is a defect of presswork or of the disk; run again and report it");
  }
}

}  // namespace

FormatChange::FormatChange(const ModelSource& source, std::string_view format, const Step& step)
    : source_(source) {
  const ModelConfig& model = source.config();
  std::vector<LinearSite> sites = decoder_linears(model);
  if (!model.tied_embeddings) sites.push_back(head_linear(model));
  for (const LinearSite& site : sites) {
    add(site, format);
    step();
  }
  if (targets_.modules.empty()) {
    throw Error("unsupported", "the model has no quantized weights", source.checkpoint().folder().string(),
                "quantize it first, with quantize/rtn for instance");
  }
  for (const LinearSite& router : decoder_routers(model)) targets_.ignored.push_back(router.module);
  if (model.tied_embeddings) targets_.ignored.emplace_back(architecture_of(model).head);
  unite(format);
}

LinearWeight FormatChange::load(const std::string& module) const {
  return load_linear(source_.checkpoint(), source_.quantization(), module);
}

void FormatChange::add(const LinearSite& site, std::string_view format) {
  const LinearWeight weight = load(site.module);
  if (weight.dense() != nullptr) {
    targets_.ignored.push_back(site.module);
    return;
  }
  const PackedFormat packed = written_format(format);
  std::string reason = misfit(packed, weight);
  if (packed == PackedFormat::AwqGemm && site.module == head_linear(source_.config()).module)
    reason = "its readers keep the head plain";
  if (!reason.empty()) refuse(format, site.module, reason, formats_that_hold(weight));
  schemes_[site.module] = scheme_of(packed, weight);
  targets_.modules.push_back(site);
  source_.checkpoint().release(site.module);
}

// Modules that differ only in what one of them does not need (zero points, scales for each row) get the wider
// scheme. More than one is left to compressed-tensors alone.
void FormatChange::unite(std::string_view format) {
  const auto any = [&](auto&& has) {
    return std::any_of(schemes_.begin(), schemes_.end(), [&](const auto& each) { return has(each.second); });
  };
  const bool asymmetric = any([](const QuantizationScheme& s) { return !s.symmetric; });
  const bool by_row = any([](const QuantizationScheme& s) { return !s.per_tensor; });
  const bool ordered = any([](const QuantizationScheme& s) { return s.input_order; });
  const QuantizationScheme first = schemes_.begin()->second;
  for (auto& [module, scheme] : schemes_) {
    scheme.symmetric = !asymmetric;
    scheme.per_tensor = !by_row;
    scheme.input_order = ordered;
    const bool same =
        scheme.bits == first.bits && scheme.group_size == first.group_size && scheme.inputs == first.inputs;
    if (!same && scheme.format != PackedFormat::PackQuantized) {
      refuse(format, module,
             "it has one width, group size and kind of inputs for all, and " + schemes_.begin()->first +
                 " has others",
             "pack-quantized");
    }
  }
}

std::uint64_t FormatChange::write(const std::filesystem::path& folder, const Step& step,
                                  const std::function<void(const std::string&)>& skipped) const {
  const Checkpoint& checkpoint = source_.checkpoint();
  const bool codes = schemes_.begin()->second.format == PackedFormat::BitsAndBytes4;
  const DType dtype = codes ? source_.config().dtype.value_or(DType::F32) : DType::F32;
  QuantizedCheckpoint result(checkpoint, targets_, grouped(schemes_), dtype, folder);
  for (const QuantizedCheckpoint::Step& part : result.steps()) {
    if (part.module) {
      result.write(part.name, fitted(load(part.name), schemes_.at(part.name)));
      step();
    } else {
      result.copy(part.name);
    }
    checkpoint.release(part.name);
  }
  const std::uint64_t bytes = result.finish(skipped);
  const ModelSource written = ModelSource::open(folder);
  for (const LinearSite& site : targets_.modules) {
    expect_equal(load(site.module), written.linear(site.module), site.module);
    checkpoint.release(site.module);
    written.checkpoint().release(site.module);
    step();
  }
  return bytes;
}

}  // namespace presswork::modelkit
