#include "plugins/modelkit/quantize/quantized_checkpoint.h"

#include <unordered_set>
#include <utility>

#include "plugins/modelkit/checkpoint/compressed_tensors.h"
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
                                         const std::vector<QuantizationScheme>& schemes, DType scale_dtype,
                                         std::filesystem::path folder)
    : source_(source), scale_dtype_(scale_dtype) {
  config_.ignore = targets.ignored;
  if (!targets.modules.empty()) config_.schemes = schemes;
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
      for (TensorPlan& part :
           compressed_plan(linear.module, linear.out, linear.in, scheme_of(linear.module), scale_dtype)) {
        plan_.push_back(std::move(part));
      }
      steps_.push_back({linear.module, true});
    }
  }
  for (const TensorPlan& tensor : plan_) planned_bytes_ += tensor.byte_count();
  writer_ = std::make_unique<CheckpointWriter>(std::move(folder), plan_);
}

const QuantizationScheme& QuantizedCheckpoint::scheme_of(const std::string& module) const {
  if (const QuantizationScheme* scheme = config_.scheme_for(module)) return *scheme;
  throw Error("internal", "no scheme covers the module", module);
}

void QuantizedCheckpoint::write(const std::string& module, const LinearWeight& weight) {
  for (const NamedBytes& part : compressed_data(module, weight, scheme_of(module), scale_dtype_)) {
    writer_->write(part.name, part.bytes);
  }
}

void QuantizedCheckpoint::write_values(const std::string& tensor, const std::vector<float>& values) {
  const DType dtype = source_.tensor(tensor).dtype;
  std::vector<std::byte> bytes(values.size() * size_of(dtype));
  from_float(dtype, values.data(), values.size(), bytes.data());
  writer_->write(tensor, bytes);
}

void QuantizedCheckpoint::copy(const std::string& tensor) {
  writer_->write(tensor, source_.tensor(tensor).bytes);
}

std::uint64_t QuantizedCheckpoint::finish(const std::function<void(const std::string&)>& skipped) {
  const std::string config = config_.merged_into(source_.config(), source_.config_path());
  writer_->finish(source_, config, skipped);
  return writer_->file_bytes();
}

}  // namespace presswork::modelkit
