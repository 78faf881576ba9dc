// What the quantization stages have in common: the grid and the targets as parameters, and the model that
// they write, with its metrics.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/quantize/grid.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "presswork/stage.hpp"

namespace presswork::quantization {

// Adds the parameters that say where the integers of a weight may lie.
inline void describe_grid(Json& description) {
  description["parameters"]["properties"].update(Json::parse(R"json({
    "group_size": {"type": "integer", "minimum": 0, "default": 128, "description": "Inputs of a row that share a scale; must divide the inputs of every quantized module. 0: one scale per output channel."},
    "symmetric": {"type": "boolean", "default": true, "description": "Grid symmetric about zero; otherwise each group has a zero point too."}
  })json"));
}

// Adds the targets, the scales, the model that comes in and goes out, and the metrics that report_model()
// fills.
inline void describe_model(Json& description) {
  Json& properties = description["parameters"]["properties"];
  properties.update(Json::parse(R"json({
    "targets": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": [], "description": "Modules to quantize, as patterns like those of ignore, which goes before. Empty: all linear modules of the decoder, and the head (unless it is tied). A pattern that matches nothing is an error."},
    "ignore": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": ["lm_head"], "description": "Modules to keep: exact names, globs (model.layers.0.*) or re:<regex>. A pattern that matches nothing is an error. The list replaces the default, so name lm_head too if it is to be kept."},
    "scale_dtype": {"type": "string", "enum": ["float32", "float16", "model"], "default": "float32", "description": "Type of the stored scales. float32 is exact; model (the type of the weights) and float16 save up to 2 bytes a group and round the scales before the integers are chosen. export/hf writes GPTQ and AWQ only from float16 scales, which those formats hold."},
    "clip": {"type": "string", "enum": ["none", "mse"], "default": "none", "description": "none: a group's scale covers its largest weight. mse: the range is shrunk to where the squared error of the group's weights is least."}
  })json"));
  description["inputs"]["model"] = {
      {"type", "model"}, {"required", true}, {"description", "Hugging Face model folder."}};
  description["estimates"] = true;
  description["outputs"] = {
      {"model", {{"type", "model"}, {"description", "The quantized model, a compressed-tensors folder."}}}};
  description["metrics"].update(Json::parse(R"json({
    "compression_ratio": {"type": "number", "unit": "x", "description": "Size of the weight files before, divided by after."},
    "bytes": {"type": "integer", "unit": "B", "headline": true, "description": "Size of the weight files written; the same as compressed_bytes."},
    "original_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files before."},
    "compressed_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files after."},
    "quantized_tensors": {"type": "integer", "description": "Linear weights that were quantized."},
    "quantized_parameters": {"type": "integer", "description": "Parameters in them."},
    "bits_per_weight": {"type": "number", "unit": "bit", "description": "Stored bits per quantized weight, scales and zero points included."},
    "layer_errors": {"type": "object", "description": "Module to relative Frobenius error of its weight, ||W - W'|| / ||W||."},
    "mean_relative_error": {"type": "number", "description": "Mean of layer_errors."},
    "max_relative_error": {"type": "number", "description": "Largest of layer_errors."},
    "dead_scales": {"type": "object", "description": "Module to how many of its groups hold no information: their scale is 0 or subnormal, or all of their integers are equal."},
    "clipped_weights": {"type": "object", "description": "Module to the share of its integers at an end of the grid whose weight, as it was before rounding, lies more than half a step beyond it."},
    "phase_seconds": {"type": "object", "unit": "s", "description": "Time by phase: passes (of the text through the layers), products (of inputs, for the Hessians), factorization, search (of scales), rounding (with the measuring of errors), keeping (of finished layers), writing, other. Without what was resumed."}
  })json"));
}

inline void describe_job(Json& description) {
  describe_grid(description);
  describe_model(description);
}

inline modelkit::QuantizationScheme asked_scheme(const Context& context) {
  modelkit::QuantizationScheme scheme;
  scheme.bits = context.parameter<int>("bits");
  scheme.group_size = context.parameter<std::int64_t>("group_size");
  scheme.symmetric = context.parameter<bool>("symmetric");
  return scheme;
}

// How the targets are stored in the end.
struct StoredForm {
  modelkit::QuantizationScheme scheme = {};
  std::optional<modelkit::DType> plain = {};  // floating-point values of this type instead, without scales
};

// What the parameters ask for, settled against one model.
struct Job {
  Job(const Context& context, const std::filesystem::path& folder)
      : Job(context, folder, asked_scheme(context)) {}

  Job(const Context& context, const std::filesystem::path& folder, const modelkit::QuantizationScheme& asked)
      : Job(context, folder, StoredForm{.scheme = asked}) {}

  Job(const Context& context, const std::filesystem::path& folder, const StoredForm& form)
      : checkpoint(modelkit::Checkpoint::open(folder)),
        model(modelkit::ModelConfig::parse(checkpoint.config(), checkpoint.config_path())),
        quantization(modelkit::QuantizationConfig::parse(checkpoint.config(), checkpoint.config_path())),
        targets(modelkit::select_targets(model, context.parameter<std::vector<std::string>>("ignore"),
                                         context.parameter<std::vector<std::string>>("targets"))),
        plain(form.plain.has_value()),
        scheme(form.scheme) {
    modelkit::require_structure(checkpoint, model, quantization);
    scale_dtype = form.plain.value_or(asked_dtype(context));
    if (context.parameter<std::string>("clip") == "mse") clipping = modelkit::Clipping::Mse;
    if (targets.modules.empty()) {
      throw Error("invalid_parameter", "the patterns leave no module to quantize", "/ignore",
                  "remove some of them; ignore goes before targets, and is [lm_head] by default");
    }
    std::int64_t common = 0;
    for (const modelkit::LinearSite& site : targets.modules) common = std::gcd(common, site.in);
    for (const modelkit::LinearSite& site : targets.modules)
      grid().check_divides(site.in, site.module, common);
  }

  modelkit::QuantizationGrid grid() const {
    return {scheme.bits, scheme.group_size, scheme.symmetric, scale_dtype, clipping};
  }

  std::uint64_t bytes_of(const modelkit::LinearSite& site, int bits_of_weight) const {
    if (plain) return static_cast<std::uint64_t>(site.out * site.in) * modelkit::size_of(scale_dtype);
    modelkit::QuantizationScheme own = scheme;
    own.bits = bits_of_weight;
    std::uint64_t bytes = 0;
    for (const modelkit::TensorPlan& part :
         modelkit::written_plan(site.module, site.out, site.in, own, scale_dtype)) {
      bytes += part.byte_count();
    }
    return bytes;
  }
  std::uint64_t bytes_of(const modelkit::LinearSite& site) const {
    return bytes_of(site, scheme_of(site.module).bits);
  }

  modelkit::QuantizationScheme scheme_of(const std::string& module) const {
    modelkit::QuantizationScheme own = scheme;
    if (const auto found = bits.find(module); found != bits.end()) own.bits = found->second;
    return own;
  }

  // One for each number of bits, with the names of its modules; or one for all.
  std::vector<modelkit::QuantizationScheme> schemes() const {
    std::map<int, modelkit::QuantizationScheme> by_bits;
    for (const modelkit::LinearSite& site : targets.modules) {
      const modelkit::QuantizationScheme own = scheme_of(site.module);
      auto& group = by_bits.emplace(own.bits, own).first->second;
      if (!bits.empty()) group.targets.push_back(site.module);
    }
    if (bits.empty()) by_bits.at(scheme.bits).targets = {"Linear"};
    std::vector<modelkit::QuantizationScheme> found;
    for (auto& [unused, group] : by_bits) found.push_back(std::move(group));
    return found;
  }

  // The model that is to be written, in `folder`.
  modelkit::QuantizedCheckpoint result(const std::filesystem::path& folder) const {
    if (plain) return {checkpoint, targets, std::vector<modelkit::QuantizationScheme>{}, scale_dtype, folder};
    return {checkpoint, targets, schemes(), scale_dtype, folder};
  }

  // Of the scales; of what readers make of NF4.
  modelkit::DType asked_dtype(const Context& context) const {
    const auto name = context.parameter<std::string>("scale_dtype");
    if (scheme.format == modelkit::PackedFormat::BitsAndBytes4 || name == "model")
      return model.dtype.value_or(modelkit::DType::F32);
    return name == "float16" ? modelkit::DType::F16 : modelkit::DType::F32;
  }

  // Of all targets.
  std::uint64_t written_bytes() const {
    std::uint64_t bytes = 0;
    for (const modelkit::LinearSite& site : targets.modules) bytes += bytes_of(site);
    return bytes;
  }

  // Memory for quantizing and packing the largest of them: its pages, and of `results` at once the integers
  // and their packed form.
  std::uint64_t largest_bytes(std::uint64_t results = 1) const {
    std::uint64_t largest = 0;
    for (const modelkit::LinearSite& site : targets.modules) {
      const auto elements = static_cast<std::uint64_t>(site.out * site.in);
      largest = std::max(largest, elements * 4 + results * (elements + bytes_of(site)));
    }
    return largest;
  }

  modelkit::Checkpoint checkpoint;
  modelkit::ModelConfig model;
  modelkit::QuantizationConfig quantization;
  modelkit::QuantizationTargets targets;
  bool plain = false;
  modelkit::QuantizationScheme scheme;
  std::map<std::string, int> bits;  // of modules that have others than the scheme
  modelkit::DType scale_dtype =
      modelkit::DType::F32;  // of plain values; else as modelkit::written_plan() takes it
  modelkit::Clipping clipping = modelkit::Clipping::MinMax;
};

// What is quantized and what is kept, and what may be lost by it.
inline void announce(const Context& context, const Job& job) {
  for (const std::string& line : job.targets.report()) context.info(line);
  if (!job.quantization.empty() && !job.plain)
    context.warning("the model is quantized already; quantizing it again loses more");
  if (!job.plain && job.scheme.bits != 4 && job.scheme.bits != 8) {
    context.warning("weights of " + std::to_string(job.scheme.bits) +
                    " bits are read by presswork and recent compressed-tensors, not by vLLM");
  }
}

inline std::uint64_t finish_model(const Context& context, modelkit::QuantizedCheckpoint& result) {
  const std::uint64_t bytes = result.finish([&](const std::string& name) {
    context.warning("not carried over, since it holds the weights as they were: " + name);
  });
  context.output("model", context.work_dir() / "model");
  return bytes;
}

// `errors`: of each module, relative.
inline void report_model(const Context& context, const Job& job, const std::map<std::string, double>& errors,
                         std::uint64_t compressed) {
  double sum = 0, largest = 0;
  for (const auto& [module, error] : errors) {
    sum += error;
    largest = std::max(largest, error);
  }
  std::int64_t parameters = 0;
  for (const modelkit::LinearSite& site : job.targets.modules) parameters += site.out * site.in;
  const std::uint64_t original = modelkit::Checkpoint::open(context.input("model")).file_bytes();
  context.metric("compression_ratio", static_cast<double>(original) / static_cast<double>(compressed));
  context.metric("bytes", compressed);
  context.metric("original_bytes", original);
  context.metric("compressed_bytes", compressed);
  context.metric("quantized_tensors", job.targets.modules.size());
  context.metric("quantized_parameters", parameters);
  context.metric("bits_per_weight",
                 8.0 * static_cast<double>(job.written_bytes()) / static_cast<double>(parameters));
  context.metric("layer_errors", errors);
  context.metric("mean_relative_error", sum / static_cast<double>(errors.size()));
  context.metric("max_relative_error", largest);
}

}  // namespace presswork::quantization
