#include "plugins/modelkit/estimate/weight_formats.h"

#include <algorithm>
#include <unordered_set>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/compressed_tensors.h"

namespace presswork::modelkit {
namespace {

constexpr double kCodebookBlock = 64;  // values that share a float32
constexpr double kScaleBits = 32;

bool divides(const WeightFormat& format, std::int64_t in) {
  return format.group_size == 0 || in % format.group_size == 0;
}

// "model.layers.0.mlp.up_proj" of its ".weight", ".weight_packed", ".weight.absmax", ".qweight", ...
std::string_view owner_of(std::string_view tensor) {
  return tensor.substr(0, std::min(tensor.find(".weight"), tensor.rfind('.')));
}

double linear_bytes(const WeightFormat& format, const LinearSite& site) {
  const auto weights = static_cast<double>(site.out * site.in);
  if (format.bits == 16) return weights * 2;
  if (format.codebook) return weights / 2 + weights / kCodebookBlock * 4;
  const QuantizationScheme scheme{
      .bits = format.bits, .group_size = format.group_size, .symmetric = format.symmetric, .targets = {}};
  double bytes = 0;
  for (const TensorPlan& part : compressed_plan(site.module, site.out, site.in, scheme, DType::F32)) {
    bytes += static_cast<double>(part.byte_count());
  }
  return bytes;
}

}  // namespace

const std::vector<WeightFormat>& weight_formats() {
  static const std::vector<WeightFormat> formats = {{"fp16"},
                                                    {"int8 per channel", 8},
                                                    {"int8 g128", 8, 128},
                                                    {"int4 per channel", 4},
                                                    {"int4 g128", 4, 128},
                                                    {"int4 g128 asymmetric", 4, 128, false},
                                                    {"int4 g32", 4, 32},
                                                    {"int4 g32 asymmetric", 4, 32, false},
                                                    {"nf4", 4, 0, true, true}};
  return formats;
}

std::vector<FormatSize> format_sizes(const Checkpoint& checkpoint, const ModelConfig& model) {
  const std::vector<LinearSite> linears = decoder_linears(model);
  std::unordered_set<std::string_view> modules;
  double weights = 0;
  for (const LinearSite& site : linears) {
    modules.insert(site.module);
    weights += static_cast<double>(site.out * site.in);
  }
  double kept = 0;
  for (const std::string& name : checkpoint.names()) {
    if (modules.count(owner_of(name)) == 0 || name.ends_with(".bias")) {
      kept += static_cast<double>(checkpoint.tensor(name).bytes.size());
    }
  }
  std::vector<FormatSize> sizes;
  for (const WeightFormat& format : weight_formats()) {
    if (!std::all_of(linears.begin(), linears.end(),
                     [&](const LinearSite& site) { return divides(format, site.in); })) {
      continue;
    }
    double bytes = 0;
    for (const LinearSite& site : linears) bytes += linear_bytes(format, site);
    sizes.push_back({format, bytes * 8 / weights, kept + bytes});
  }
  return sizes;
}

std::vector<FormatSize> format_sizes(double params, double d_model) {
  std::vector<FormatSize> sizes;
  for (const WeightFormat& format : weight_formats()) {
    double bits = format.bits;
    if (format.codebook) {
      bits += kScaleBits / kCodebookBlock;
    } else if (format.bits < 16) {
      const double group = format.group_size == 0 ? d_model : static_cast<double>(format.group_size);
      bits += (kScaleBits + (format.symmetric ? 0 : format.bits)) / group;
    }
    sizes.push_back({format, bits, params * bits / 8});
  }
  return sizes;
}

}  // namespace presswork::modelkit
