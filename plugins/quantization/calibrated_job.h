// What the calibrated quantization stages have in common: the calibration set, the walk over the layers with
// its checkpoints in the stage's scratch folder, and the result that is written from these.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "plugins/modelkit/data/calibration_set.h"
#include "plugins/modelkit/evaluate/peak_memory.h"
#include "plugins/modelkit/evaluate/perplexity.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/input_statistics.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"
#include "plugins/quantization/quantization_job.h"

namespace presswork::quantization {

// Adds what the calibration needs and reports.
inline void describe_calibration(Json& description) {
  Json& properties = description["parameters"]["properties"];
  properties["samples"] = {{"type", "integer"},
                           {"minimum", 1},
                           {"default", 128},
                           {"description", "Windows of the calibration text that are used, the first ones."}};
  properties["window"] = {
      {"type", "integer"}, {"minimum", 2}, {"default", 512}, {"description", "Tokens in a window."}};
  description["inputs"]["calibration"] = {
      {"type", "text"},
      {"required", false},
      {"description",
       "Text of the kind that the model is used for: UTF-8, or JSON Lines with a text field. Without it a "
       "bundled text is taken, public-domain prose in English and Chinese."}};
  description["metrics"].update(Json::parse(R"json({
    "calibration_tokens": {"type": "integer", "description": "Tokens that the weights were calibrated on."},
    "calibration_digest": {"type": "string", "description": "SHA-256 of the calibration's token ids (little-endian 32-bit, window after window)."},
    "calibration_bundled": {"type": "boolean", "description": "Whether the bundled text was taken, for want of a calibration input."},
    "calibration_warnings": {"type": "array", "description": "What seems wrong with the calibration text: a sentence each (warning), with its parts for a report in another language (warning_parts)."},
    "resumed_layers": {"type": "integer", "description": "Layers that an earlier attempt had finished."},
    "calibration_seconds": {"type": "number", "unit": "s", "description": "Time for calibrating and quantizing the layers that were not resumed."},
    "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Measured peak resident memory of the stage's process."}
  })json"));
}

// Adds what every calibrated method reports of its errors.
inline void describe_layer_errors(Json& description) {
  description["metrics"].update(Json::parse(R"json({
    "rounding_errors": {"type": "object", "description": "Module to the error that layer_errors would give if its weight were rounded to nearest on the same grid."},
    "layer_output_errors": {"type": "object", "description": "Decoder layer to the relative error of its output: what the quantized layer makes of the states that enter it, against what the original layer makes of the same, ||Y' - Y|| / ||Y||, over the first 4 windows."}
  })json"));
}

// Adds what a method reports beside that when it knows the inputs of each linear.
inline void describe_output_errors(Json& description) {
  describe_layer_errors(description);
  description["metrics"].update(Json::parse(R"json({
    "output_errors": {"type": "object", "description": "Module to relative error of its output over the calibration tokens, ||X W' - X W|| / ||X W||."},
    "rounding_output_errors": {"type": "object", "description": "Module to the error that output_errors would give if its weight were rounded to nearest on the same grid."},
    "outlier_inputs": {"type": "object", "description": "Module to how many of its inputs have an RMS over the calibration tokens above 6 times that of the median input."},
    "largest_inputs": {"type": "object", "description": "Module to the largest RMS of an input, in those of the median input."},
    "mean_output_error": {"type": "number", "description": "Mean of output_errors."},
    "mean_rounding_output_error": {"type": "number", "description": "Mean of rounding_output_errors."}
  })json"));
}

inline void warn_of_long_windows(const Context& context, const modelkit::ModelConfig& model) {
  const std::string warning = modelkit::window_warning(model, context.parameter<std::size_t>("window"));
  if (!warning.empty()) context.warning(warning);
}

inline modelkit::Sampling calibration_sampling(const Context& context) {
  return {.length = context.parameter<std::size_t>("window"),
          .samples = context.parameter<std::size_t>("samples"),
          .documents = modelkit::Documents::Packed,
          .draw = modelkit::Draw::First,
          .seed = 0};
}

// The targets' whole names; the head is none of a layer's linears, so it cannot be calibrated here.
inline std::set<std::string> layer_targets(const Job& job) {
  std::set<std::string> names;
  const std::string head = modelkit::head_linear(job.model).module;
  for (const modelkit::LinearSite& site : job.targets.modules) {
    if (site.module == head) {
      throw Error("invalid_parameter", "the head is calibrated by no method yet", "/ignore",
                  "add " + head + " to ignore, or quantize it with quantize/rtn");
    }
    names.insert(site.module);
  }
  return names;
}

inline Json calibrated_plan(const Context& context, const Job& job) {
  layer_targets(job);
  const modelkit::ModelSource source = modelkit::ModelSource::open(context.input("model"));
  const modelkit::Sampling sampling = calibration_sampling(context);
  const modelkit::StateLimit limit = modelkit::state_limit(context.memory(), context.scratch_dir());
  std::uint64_t widest = 0, layer = 0;
  for (const modelkit::LinearSite& site : modelkit::decoder_linears(job.model)) {
    widest = std::max(widest, static_cast<std::uint64_t>(site.in));
    layer += static_cast<std::uint64_t>(site.out * site.in) * sizeof(float);
  }
  layer /= static_cast<std::uint64_t>(job.model.layers);
  std::uint64_t grams = 0;
  for (std::int64_t i = 0; i < job.model.layers; ++i)
    grams = std::max(grams, modelkit::gram_bytes(modelkit::input_groups(job.model, i)));
  grams = std::max(layer, std::min(grams, modelkit::gram_budget(layer)));
  const std::uint64_t states =
      static_cast<std::uint64_t>(sampling.samples * sampling.length * sizeof(float)) *
      static_cast<std::uint64_t>(job.model.hidden);
  const std::uint64_t compared =
      2 * states * modelkit::CalibrationLayer::kCompared /
      std::max<std::uint64_t>(modelkit::CalibrationLayer::kCompared, sampling.samples);
  constexpr std::uint64_t kBase = 96u << 20;
  return {
      {"memory_bytes", kBase + job.largest_bytes() + grams + compared + 2 * widest * widest * sizeof(double) +
                           modelkit::predicted_pass_bytes(source, sampling.samples, sampling.length, limit)},
      {"disk_bytes", job.checkpoint.file_bytes() + 3 * job.written_bytes() + 2 * states},
      {"cores", context.threads()},
      {"notes", job.targets.report()}};
}

inline Json calibrated_plan(const Context& context) {
  const auto folder = context.optional_input("model");
  return folder ? calibrated_plan(context, Job(context, *folder)) : Json();
}

// Writes the finished layers of `store` as the stage's model, and their figures as metrics. Made before the
// calibration: what cannot be written is refused before hours are spent on it.
class CalibratedResult {
 public:
  CalibratedResult(const Context& context, const Job& job, const modelkit::LayerStore& store)
      : context_(context), job_(job), store_(store), result_(job.result(context.work_dir() / "model")) {
    for (std::int64_t i = 0; i < job.model.layers; ++i) {
      for (const modelkit::LinearSite& site : modelkit::layer_sites(job.model, i).linears)
        layer_of_[name(i, site.module)] = {i, site.module};
    }
  }

  void write() {
    for (const auto& step : result_.steps()) {
      context_.check_cancelled();
      if (step.module) {
        const auto& [layer, module] = layer_of_.at(step.name);
        result_.write(step.name, load(layer).linears.at(module));
      } else if (const std::vector<float>* values = changed(step.name)) {
        result_.write_values(step.name, *values);
      } else {
        result_.copy(step.name);
      }
      job_.checkpoint.release(step.name);
    }
    report(finish_model(context_, result_));
  }

 private:
  // Of a linear, and the metrics that gather them by module.
  static constexpr std::pair<const char*, const char*> kFigures[] = {
      {"rounding_error", "rounding_errors"}, {"rounding_output_error", "rounding_output_errors"},
      {"outlier_inputs", "outlier_inputs"},  {"largest_input", "largest_inputs"},
      {"dead_scales", "dead_scales"},        {"clipped_weights", "clipped_weights"},
      {"scale_power", "scale_powers"},       {"alpha", "alphas"},
      {"clipped_inputs", "clipped_inputs"}};

  std::string name(std::int64_t layer, const std::string& relative) const {
    return modelkit::layer_prefix(job_.model, layer) + "." + relative;
  }

  // The tensors of a layer follow one another in most checkpoints: the last one loaded is kept.
  const modelkit::LayerChange& load(std::int64_t layer) {
    if (loaded_ != layer) change_ = store_.load(layer);
    loaded_ = layer;
    return change_;
  }

  const std::vector<float>* changed(const std::string& tensor) {
    for (std::int64_t layer = 0; layer < job_.model.layers; ++layer) {
      const std::string prefix = name(layer, "");
      if (!tensor.starts_with(prefix)) continue;
      const auto& tensors = load(layer).tensors;
      const auto found = tensors.find(tensor.substr(prefix.size()));
      return found == tensors.end() ? nullptr : &found->second;
    }
    return nullptr;
  }

  void report(std::uint64_t bytes) {
    std::map<std::string, double> weight_errors, output_errors, layer_output_errors;
    std::map<std::string, std::map<std::string, double>> others;  // by metric
    double before = 0, after = 0;                                 // sums of output errors
    for (std::int64_t layer = 0; layer < job_.model.layers; ++layer) {
      layer_output_errors[modelkit::layer_prefix(job_.model, layer)] = load(layer).output_error;
      for (const auto& [module, figures] : load(layer).figures) {
        weight_errors[name(layer, module)] = figures.at("weight_error");
        for (const auto& [figure, metric] : kFigures) {
          if (figures.contains(figure)) others[metric][name(layer, module)] = figures.at(figure);
        }
        warn(name(layer, module), figures);
        if (!figures.contains("output_error")) continue;
        output_errors[name(layer, module)] = figures.at("output_error");
        after += figures.at("output_error");
        before += figures.at("rounding_output_error");
      }
    }
    report_model(context_, job_, weight_errors, bytes);
    for (const auto& [metric, modules] : others) context_.metric(metric, modules);
    context_.metric("layer_output_errors", layer_output_errors);
    if (output_errors.empty()) return;
    context_.metric("output_errors", output_errors);
    context_.metric("mean_output_error", after / static_cast<double>(output_errors.size()));
    context_.metric("mean_rounding_output_error", before / static_cast<double>(output_errors.size()));
  }

  void warn(const std::string& module, const std::map<std::string, double>& figures) const {
    if (figures.at("tokens") == 0) {
      context_.warning("no token of the calibration set came to " + module +
                       ": it was rounded to nearest; give more text");
    } else if (const auto damp = figures.find("damp");
               damp != figures.end() && damp->second > context_.parameter<double>("damp")) {
      context_.warning("the Hessian of " + module + " had to be damped by " + std::to_string(damp->second) +
                       " of its mean diagonal; more calibration text makes that unnecessary");
    }
  }

  const Context& context_;
  const Job& job_;
  const modelkit::LayerStore& store_;
  modelkit::QuantizedCheckpoint result_;
  std::map<std::string, std::pair<std::int64_t, std::string>> layer_of_;
  std::int64_t loaded_ = -1;
  modelkit::LayerChange change_;
};

// What a calibrated stage works on.
struct CalibratedWork {
  CalibratedWork(const Context& context, const Job& job)
      : source(modelkit::ModelSource::open(job.checkpoint.folder())),
        set(modelkit::calibration_set(modelkit::Tokenizer::open(source.checkpoint().folder()),
                                      context.optional_input("calibration"), calibration_sampling(context))),
        limit(modelkit::state_limit(context.memory(), context.scratch_dir())) {
    for (const modelkit::Message& warning : set.warnings) context.warning(warning.text());
    if (set.bundled) context.info("calibrated on the bundled text: no calibration input was given");
    warn_of_long_windows(context, job.model);
  }

  void report(const Context& context) const {
    context.metric("calibration_tokens", set.windows.ids().size());
    context.metric("calibration_digest", set.windows.digest());
    context.metric("calibration_bundled", set.bundled);
    context.metric("calibration_warnings", set.warnings_json());
    context.metric("peak_memory_bytes", modelkit::peak_resident_bytes());
  }

  const modelkit::ModelSource source;
  const modelkit::CalibrationSet set;
  const modelkit::StateLimit limit;
};

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Calibrates with `method` what is not in the scratch folder yet, and writes the model.
inline void run_calibrated(const Context& context, const Job& job,
                           const modelkit::Calibration::Method& method) {
  using namespace modelkit;
  const CalibratedWork work(context, job);
  const auto start = std::chrono::steady_clock::now();
  LayerStore store(context.scratch_dir() / "layers");
  CalibratedResult result(context, job, store);
  std::map<std::string, double> phases;
  {
    const auto compute = make_cpu_compute(context.threads());
    Transformer model(*compute, work.source);
    Calibration calibration(model, work.set.windows, work.limit, store, [&](double share) {
      context.progress(share * static_cast<double>(job.model.layers), static_cast<double>(job.model.layers),
                       "layers");
      context.check_cancelled();
    });
    context.metric("resumed_layers", calibration.resumed());
    calibration.run(method);
    phases = calibration.times().seconds();
  }
  const double seconds = seconds_since(start);
  result.write();
  phases["writing"] = seconds_since(start) - seconds;
  context.metric("phase_seconds", phases);
  context.metric("calibration_seconds", seconds);
  work.report(context);
}

}  // namespace presswork::quantization
