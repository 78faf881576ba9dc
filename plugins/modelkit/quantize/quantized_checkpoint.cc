#include "plugins/modelkit/quantize/quantized_checkpoint.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Endings of the tensors that together are one module's weight, in plain form or in any that is read.
constexpr std::string_view kWeightParts[] = {".weight",
                                             ".weight_packed",
                                             ".weight_shape",
                                             ".weight_scale",
                                             ".weight_zero_point",
                                             ".weight_g_idx",
                                             ".input_scale",
                                             ".input_zero_point",
                                             ".output_scale",
                                             ".qweight",
                                             ".qzeros",
                                             ".scales",
                                             ".g_idx",
                                             ".weight.absmax",
                                             ".weight.quant_map",
                                             ".weight.nested_absmax",
                                             ".weight.nested_quant_map",
                                             ".weight.quant_state.bitsandbytes__nf4",
                                             ".weight.quant_state.bitsandbytes__fp4"};

// The module whose weight `tensor` is a part of, or "" (biases, for instance).
std::string_view owner_of(std::string_view tensor) {
  for (const std::string_view part : kWeightParts) {
    if (tensor.ends_with(part)) return tensor.substr(0, tensor.size() - part.size());
  }
  return {};
}

std::vector<QuantizationScheme> of_all_linears(QuantizationScheme scheme) {
  scheme.targets = {"Linear"};
  return {std::move(scheme)};
}

}  // namespace

QuantizedCheckpoint::QuantizedCheckpoint(const Checkpoint& source, const QuantizationTargets& targets,
                                         const QuantizationScheme& scheme, DType scale_dtype,
                                         std::filesystem::path folder)
    : QuantizedCheckpoint(source, targets, of_all_linears(scheme), scale_dtype, std::move(folder)) {}

QuantizedCheckpoint::QuantizedCheckpoint(const Checkpoint& source, const QuantizationTargets& targets,
                                         const std::vector<QuantizationScheme>& schemes, DType dtype,
                                         std::filesystem::path folder)
    : source_(source), dtype_(dtype), folder_(std::move(folder)) {
  config_.ignore = targets.ignored;
  if (!targets.modules.empty()) config_.schemes = schemes;
  config_.head = std::any_of(targets.modules.begin(), targets.modules.end(),
                             [](const LinearSite& site) { return site.module == "lm_head"; });
  std::unordered_map<std::string_view, const LinearSite*> sites;
  for (const LinearSite& site : targets.modules) sites.emplace(site.module, &site);
  std::unordered_set<std::string_view> planned;
  for (const std::string& name : source.names()) {
    const std::string_view owner = owner_of(name);
    const auto site = sites.find(owner);
    if (site == sites.end()) {
      if (!owner.empty() && !name.ends_with(".weight")) {
        throw Error("unsupported",
                    "the module " + std::string(owner) + " is already quantized and is to be kept",
                    source.folder().string(), "start from the original model, or do not ignore this module");
      }
      const TensorView& view = source.tensor(name);
      plan_.push_back({name, view.dtype, view.shape});
      steps_.push_back({name, false});
    } else if (planned.insert(site->first).second) {
      const LinearSite& linear = *site->second;
      for (TensorPlan& part : plan_of(linear)) plan_.push_back(std::move(part));
      steps_.push_back({linear.module, true});
    }
  }
  for (const TensorPlan& tensor : plan_) planned_bytes_ += tensor.byte_count();
  writer_ = std::make_unique<CheckpointWriter>(folder_, plan_);
}

std::vector<TensorPlan> QuantizedCheckpoint::plan_of(const LinearSite& linear) const {
  if (config_.empty()) return {{linear.module + ".weight", dtype_, {linear.out, linear.in}}};
  return written_plan(linear.module, linear.out, linear.in, scheme_of(linear.module), dtype_);
}

const QuantizationScheme& QuantizedCheckpoint::scheme_of(const std::string& module) const {
  if (const QuantizationScheme* scheme = config_.scheme_for(module)) return *scheme;
  throw Error("internal", "no scheme covers the module", module);
}

void QuantizedCheckpoint::write(const std::string& module, const LinearWeight& weight) {
  if (config_.empty()) return writer_->write(module + ".weight", weight.dense()->bytes);
  for (const NamedBytes& part : written_data(module, weight, scheme_of(module), dtype_)) {
    writer_->write(part.name, part.bytes);
  }
}

void QuantizedCheckpoint::write_values(const std::string& tensor, const std::vector<float>& values) {
  writer_->write(tensor, to_bytes(source_.tensor(tensor).dtype, values));
}

void QuantizedCheckpoint::copy(const std::string& tensor) {
  writer_->write(tensor, source_.tensor(tensor).bytes);
}

std::uint64_t QuantizedCheckpoint::finish(const std::function<void(const std::string&)>& skipped) {
  std::string config = config_.merged_into(source_.config(), source_.config_path());
  if (config_.empty()) config = with_dtype(config, dtype_, source_.config_path());
  writer_->finish(source_, config, skipped);
  write_gptq_config(config);
  return writer_->file_bytes();
}

// GPTQ's readers take the config from this file; one from before the export would mislead them.
void QuantizedCheckpoint::write_gptq_config(const std::string& config) const {
  const std::filesystem::path path = folder_ / "quantize_config.json";
  std::error_code absent;
  std::filesystem::remove(path, absent);
  if (config_.empty()) return;
  const PackedFormat format = config_.schemes.front().format;
  if (format == PackedFormat::Gptq || format == PackedFormat::GptqV2)
    write_file_atomically(path, config_.text(config, path.string()));
}

}  // namespace presswork::modelkit
