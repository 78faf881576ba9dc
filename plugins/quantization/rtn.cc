// quantize/rtn: round to nearest, tensor by tensor; needs no calibration and no memory beyond one tensor.
#include <algorithm>

#include "plugins/modelkit/checkpoint/compressed_tensors.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "presswork/stage.hpp"

namespace presswork {
namespace {

using namespace modelkit;

// What the parameters ask for, settled against one model.
struct Job {
  explicit Job(const Context& context, const std::filesystem::path& folder)
      : checkpoint(Checkpoint::open(folder)),
        model(ModelConfig::parse(checkpoint.config(), checkpoint.config_path())),
        quantization(QuantizationConfig::parse(checkpoint.config(), checkpoint.config_path())),
        targets(select_targets(model, context.parameter<std::vector<std::string>>("ignore"))) {
    require_structure(checkpoint, model, quantization);
    scheme.bits = context.parameter<int>("bits");
    scheme.group_size = context.parameter<std::int64_t>("group_size");
    scheme.symmetric = context.parameter<bool>("symmetric");
    if (context.parameter<std::string>("scale_dtype") == "model")
      scale_dtype = model.dtype.value_or(DType::F32);
    if (targets.modules.empty()) {
      throw Error("invalid_parameter", "the patterns leave no module to quantize", "/ignore",
                  "remove some of them");
    }
    for (const LinearSite& site : targets.modules) grid().check_divides(site.in, site.module);
  }

  QuantizationGrid grid() const { return {scheme.bits, scheme.group_size, scheme.symmetric, scale_dtype}; }

  Checkpoint checkpoint;
  ModelConfig model;
  QuantizationConfig quantization;
  QuantizationTargets targets;
  QuantizationScheme scheme;
  DType scale_dtype = DType::F32;
};

std::uint64_t bytes_of(const LinearSite& site, const Job& job) {
  std::uint64_t bytes = 0;
  for (const TensorPlan& part :
       compressed_plan(site.module, site.out, site.in, job.scheme, job.scale_dtype)) {
    bytes += part.byte_count();
  }
  return bytes;
}

}  // namespace

class QuantizeRtn : public Stage {
 public:
  static constexpr const char* id = "quantize/rtn";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Quantize by rounding to nearest",
      "description": "Stores the decoder's linear weights as small integers with one float32 scale per group of inputs (or per output channel). No calibration data. Embeddings and norms are never touched, lm_head is kept by default. Writes a compressed-tensors folder (pack-quantized) that transformers and vLLM load.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "minimum": 2, "maximum": 8, "default": 4, "description": "Bits of a weight. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
          "group_size": {"type": "integer", "minimum": 0, "default": 128, "description": "Inputs of a row that share a scale; must divide the inputs of every quantized module. 0: one scale per output channel."},
          "symmetric": {"type": "boolean", "default": true, "description": "Grid symmetric about zero; otherwise each group has a zero point too."},
          "ignore": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": ["lm_head"], "description": "Modules to keep: exact names, globs (model.layers.0.*) or re:<regex>. A pattern that matches nothing is an error. The list replaces the default, so name lm_head too if it is to be kept."},
          "scale_dtype": {"type": "string", "enum": ["float32", "model"], "default": "float32", "description": "Type of the stored scales. float32 is exact; model (the type of the weights) saves up to 2 bytes a group and rounds the scales before the integers are chosen."}
        }
      },
      "inputs": {"model": {"type": "model", "required": true, "description": "Hugging Face model folder."}},
      "outputs": {"model": {"type": "model", "description": "The quantized model, a compressed-tensors folder."}},
      "metrics": {
        "compression_ratio": {"type": "number", "unit": "x", "description": "Size of the weight files before, divided by after."},
        "bytes": {"type": "integer", "unit": "B", "headline": true, "description": "Size of the weight files written; the same as compressed_bytes."},
        "original_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files before."},
        "compressed_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files after."},
        "quantized_tensors": {"type": "integer", "description": "Linear weights that were quantized."},
        "quantized_parameters": {"type": "integer", "description": "Parameters in them."},
        "bits_per_weight": {"type": "number", "unit": "bit", "description": "Stored bits per quantized weight, scales and zero points included."},
        "layer_errors": {"type": "object", "description": "Module to relative Frobenius error of its weight, ||W - W'|| / ||W||."},
        "mean_relative_error": {"type": "number", "description": "Mean of layer_errors."},
        "max_relative_error": {"type": "number", "description": "Largest of layer_errors."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job(context, *folder);
    std::uint64_t written = 0, largest = 0;
    for (const LinearSite& site : job.targets.modules) {
      const std::uint64_t bytes = bytes_of(site, job);
      written += bytes;
      // The source's pages, the integers, and their packed form.
      const auto elements = static_cast<std::uint64_t>(site.out * site.in);
      largest = std::max(largest, elements * 4 + elements + bytes);
    }
    constexpr std::uint64_t kBase = 64u << 20;
    return {{"memory_bytes", kBase + largest}, {"disk_bytes", job.checkpoint.file_bytes() + written}};
  }

  void run(const Context& context) override {
    const Job job(context, context.input("model"));
    if (!job.quantization.empty())
      context.warning("the model is quantized already; quantizing it again loses more");
    if (job.scheme.bits != 4 && job.scheme.bits != 8) {
      context.warning("weights of " + std::to_string(job.scheme.bits) +
                      " bits are read by presswork and recent compressed-tensors, not by vLLM");
    }
    QuantizedCheckpoint result(job.checkpoint, job.targets, job.scheme, job.scale_dtype,
                               context.work_dir() / "model");
    const Json errors = quantize_all(context, job, result);
    const std::uint64_t compressed = result.finish([&](const std::string& name) {
      context.warning("not carried over, since it holds the weights as they were: " + name);
    });
    report(context, job, errors, compressed);
    context.output("model", context.work_dir() / "model");
  }

 private:
  static Json quantize_all(const Context& context, const Job& job, QuantizedCheckpoint& result) {
    ThreadPool threads(context.threads());
    Json errors = Json::object();
    for (const QuantizedCheckpoint::Step& step : result.steps()) {
      context.check_cancelled();
      if (step.module) {
        const LinearWeight weight = load_linear(job.checkpoint, job.quantization, step.name);
        const RtnResult quantized = quantize_rtn(weight, job.grid(), step.name, threads);
        result.write(step.name, quantized.weight);
        errors[step.name] = quantized.error.relative();
        context.progress(static_cast<double>(errors.size()), static_cast<double>(job.targets.modules.size()),
                         "linears");
      } else {
        result.copy(step.name);
      }
      job.checkpoint.release(step.name);
    }
    return errors;
  }

  static void report(const Context& context, const Job& job, const Json& errors, std::uint64_t compressed) {
    double sum = 0, largest = 0;
    for (const Json& error : errors) {
      sum += error.get<double>();
      largest = std::max(largest, error.get<double>());
    }
    std::uint64_t bytes = 0;
    std::int64_t parameters = 0;
    for (const LinearSite& site : job.targets.modules) {
      bytes += bytes_of(site, job);
      parameters += site.out * site.in;
    }
    const std::uint64_t original = job.checkpoint.file_bytes();
    context.metric("compression_ratio", static_cast<double>(original) / static_cast<double>(compressed));
    context.metric("bytes", compressed);
    context.metric("original_bytes", original);
    context.metric("compressed_bytes", compressed);
    context.metric("quantized_tensors", job.targets.modules.size());
    context.metric("quantized_parameters", parameters);
    context.metric("bits_per_weight", 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters));
    context.metric("layer_errors", errors);
    context.metric("mean_relative_error", sum / static_cast<double>(errors.size()));
    context.metric("max_relative_error", largest);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeRtn);
