#include "plugins/pruning/pruning.h"

#include <algorithm>
#include <map>
#include <set>

#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/data/calibration_set.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/prune/input_norms.h"
#include "plugins/modelkit/prune/rewritten_checkpoint.h"
#include "plugins/modelkit/quantize/targets.h"

namespace presswork::pruning {
namespace {

using namespace modelkit;

// What the parameters ask for, settled against one model, and what came of it.
class Job {
 public:
  Job(const Context& context, const SparsityPattern& pattern)
      : context_(context),
        pattern_(pattern),
        model_(ModelSource::open(context.input("model"))),
        threads_(context.threads()),
        result_(model_.checkpoint(), model_.quantization(), context.work_dir() / "model") {
    require_structure(model_.checkpoint(), model_.config(), model_.quantization());
    // The head is no part of the decoder and never pruned; patterns may name it all the same.
    for (const LinearSite& site :
         select_targets(model_.config(), context.parameter<std::vector<std::string>>("ignore")).modules) {
      if (site.module == architecture_of(model_.config()).head) continue;
      pattern_.check_divides(site.in, site.module);
      targets_.insert(site.module);
    }
    if (targets_.empty()) {
      throw Error("invalid_parameter", "the patterns leave no module to prune", "/ignore",
                  "remove some of them");
    }
  }

  void prune_by_magnitude() {
    for (const std::string& module : targets_) {
      prune_module(module, {});
      model_.checkpoint().release(module);
    }
  }

  void prune_by_wanda() {
    const std::string too_long = window_warning(model_.config(), context_.parameter<std::size_t>("window"));
    if (!too_long.empty()) context_.warning(too_long);
    const CalibrationSet calibration =
        calibration_set(Tokenizer::open(model_.checkpoint().folder()), context_.optional_input("calibration"),
                        {.length = context_.parameter<std::size_t>("window"),
                         .samples = context_.parameter<std::size_t>("samples")});
    const TokenWindows& windows = calibration.windows;
    for (const Message& warning : calibration.warnings) context_.warning(warning.text());
    context_.metric("calibration_windows", windows.count());
    context_.metric("calibration_digest", windows.digest());
    context_.metric("calibration_bundled", calibration.bundled);
    context_.metric("calibration_warnings", calibration.warnings_json());
    const auto compute = make_cpu_compute(context_.threads());
    Transformer transformer(*compute, model_);
    each_layer_with_norms(transformer, windows, state_limit(context_.memory(), context_.scratch_dir()),
                          [&](std::int64_t index, const InputNorms& norms, DecoderLayer& layer) {
                            prune_layer(index, norms, layer);
                          });
  }

  void finish() {
    const std::uint64_t bytes = result_.finish([&](const std::string& name) {
      context_.warning("not carried over, since it holds the weights as they were: " + name);
    });
    report(bytes);
    context_.output("model", context_.work_dir() / "model");
  }

 private:
  LinearWeight prune_module(const std::string& module, std::span<const double> norms) {
    context_.check_cancelled();
    Pruned pruned = prune(model_.linear(module), norms, pattern_, module, threads_);
    result_.write(module, pruned.weight);
    losses_[module] = pruned.loss;
    context_.progress(static_cast<double>(losses_.size()), static_cast<double>(targets_.size()), "linears");
    return std::move(pruned.weight);
  }

  void prune_layer(std::int64_t index, const InputNorms& norms, DecoderLayer& layer) {
    const std::string prefix = layer_prefix(model_.config(), index);
    for (const LinearSite& site : layer_sites(model_.config(), index).linears) {
      const std::string module = prefix + "." + site.module;
      if (targets_.count(module) == 0) continue;
      const auto found = norms.find(site.module);
      if (found == norms.end()) {
        context_.warning(module + " took part in no calibration token: pruned by magnitude");
      }
      layer.replace(site.module,
                    prune_module(module, found == norms.end() ? std::span<const double>() : found->second));
    }
  }

  void report(std::uint64_t bytes) const {
    Json errors = Json::object();
    std::int64_t zeros = 0, weights = 0;
    double sum = 0, largest = 0;
    for (const auto& [module, loss] : losses_) {
      errors[module] = loss.relative();
      zeros += loss.zeros;
      weights += loss.weights;
      sum += loss.relative();
      largest = std::max(largest, loss.relative());
    }
    const double original = static_cast<double>(model_.checkpoint().file_bytes());
    context_.metric("sparsity", static_cast<double>(zeros) / static_cast<double>(weights));
    context_.metric("pruned_parameters", weights);
    context_.metric("zeros", zeros);
    context_.metric("bytes", bytes);
    context_.metric("original_bytes", model_.checkpoint().file_bytes());
    context_.metric("compressed_bytes", bytes);
    context_.metric("compression_ratio", original / static_cast<double>(bytes));
    context_.metric("layer_errors", errors);
    context_.metric("mean_relative_error", sum / static_cast<double>(losses_.size()));
    context_.metric("max_relative_error", largest);
  }

  const Context& context_;
  SparsityPattern pattern_;
  ModelSource model_;
  ThreadPool threads_;
  RewrittenCheckpoint result_;
  std::set<std::string> targets_;
  std::map<std::string, PruningLoss> losses_;
};

}  // namespace

Json describe(const char* title, const char* text, const Json& properties) {
  Json description = Json::parse(R"json({
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "method": {"type": "string", "enum": ["magnitude", "wanda"], "default": "magnitude", "description": "Importance of a weight: its size (magnitude), or its size times the norm of the input that it is multiplied with, over a calibration text (wanda; Sun et al. 2023)."},
        "ignore": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": [], "description": "Modules to keep: exact names, globs (model.layers.0.*) or re:<regex>. Embeddings, norms and lm_head are always kept."},
        "samples": {"type": "integer", "minimum": 1, "default": 128, "description": "Calibration windows at most (wanda)."},
        "window": {"type": "integer", "minimum": 1, "default": 512, "description": "Tokens of a calibration window (wanda)."}
      }
    },
    "inputs": {
      "model": {"type": "model", "required": true, "description": "Hugging Face model folder, dense or with integers of compressed-tensors."},
      "calibration": {"type": "text", "required": false, "description": "Text that the method wanda runs the model on. Without it a bundled text is taken, public-domain prose in English and Chinese."}
    },
    "outputs": {"model": {"type": "model", "description": "The same folder with zeros in place of the pruned weights: in the same format and of the same size. Zeros save room only in a sparse format, and time only where the hardware skips them."}},
    "metrics": {
      "sparsity": {"type": "number", "headline": true, "description": "Share of zeros among the weights of the pruned modules."},
      "pruned_parameters": {"type": "integer", "description": "Weights of the modules that were pruned."},
      "zeros": {"type": "integer", "description": "Zeros among them."},
      "bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files written; the same as compressed_bytes."},
      "original_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files before."},
      "compressed_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files after."},
      "compression_ratio": {"type": "number", "unit": "x", "description": "Size of the weight files before, divided by after."},
      "layer_errors": {"type": "object", "description": "Module to relative Frobenius error of its weight, ||W - W'|| / ||W||."},
      "mean_relative_error": {"type": "number", "description": "Mean of layer_errors."},
      "max_relative_error": {"type": "number", "description": "Largest of layer_errors."},
      "calibration_windows": {"type": "integer", "description": "Windows that the model was run on (wanda)."},
      "calibration_digest": {"type": "string", "description": "SHA-256 of their token ids (wanda)."},
      "calibration_bundled": {"type": "boolean", "description": "Whether the bundled text was taken, for want of a calibration input (wanda)."},
      "calibration_warnings": {"type": "array", "description": "What seems wrong with the calibration text (wanda): a sentence each (warning), with its parts for a report in another language (warning_parts)."}
    },
    "cacheable": true,
    "reads_run": false,
    "parallel": true
  })json");
  description["title"] = title;
  description["description"] = text;
  description["parameters"]["properties"].update(properties);
  return description;
}

Json plan(const Context& context) {
  const auto folder = context.optional_input("model");
  if (!folder) return nullptr;
  const ModelSource model = ModelSource::open(*folder);
  constexpr std::uint64_t kProcess = 64u << 20;
  std::uint64_t memory = 0;
  for (const LinearSite& site : decoder_linears(model.config())) {
    memory = std::max(memory, static_cast<std::uint64_t>(site.out * site.in) * 8);
  }
  if (context.parameter<std::string>("method") == "wanda") {
    const auto window = context.parameter<std::size_t>("window");
    memory += predicted_pass_bytes(model, context.parameter<std::size_t>("samples"), window,
                                   state_limit(context.memory(), context.scratch_dir()));
  }
  return {{"memory_bytes", kProcess + memory}, {"disk_bytes", model.checkpoint().file_bytes()}};
}

void run(const Context& context, const SparsityPattern& pattern) {
  Job job(context, pattern);
  if (context.parameter<std::string>("method") == "wanda") {
    job.prune_by_wanda();
  } else {
    job.prune_by_magnitude();
  }
  job.finish();
}

}  // namespace presswork::pruning
