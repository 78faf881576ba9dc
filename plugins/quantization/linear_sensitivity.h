// How far the model's predictions move with each linear alone rounded: what quantize/sensitivity measures for
// many allocations, and quantize/mixed for itself where nothing is connected.
#pragma once

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/analyze/sensitivity.h"
#include "plugins/modelkit/evaluate/baseline_file.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "plugins/quantization/calibrated_job.h"

namespace presswork::quantization {

// Whole name of a linear to its mean divergence at each precision, in their order.
using Divergences = std::map<std::string, std::vector<double>>;

// Adds what is measured, and on what.
inline void describe_sensitivity(Json& description) {
  description["parameters"]["properties"].update(Json::parse(R"json({
    "precisions": {"type": "array", "items": {"type": "integer", "minimum": 2, "maximum": 8}, "minItems": 1, "uniqueItems": true, "default": [3, 4, 5, 6], "description": "Bits to choose from. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
    "sensitivity_windows": {"type": "integer", "minimum": 1, "default": 4, "description": "Windows of the calibration text that sensitivities are measured on, the first ones. Their states are held in memory before each layer."}
  })json"));
  description["metrics"]["sensitivities"] = {{"type", "object"},
                                             {"description",
                                              "Module to bits to mean Kullback-Leibler divergence from the "
                                              "original's predictions with that module alone "
                                              "rounded, in nats."}};
  description["metrics"]["sensitivity_seconds"] = {
      {"type", "number"},
      {"unit", "s"},
      {"description", "Time for measuring the sensitivities that no earlier attempt or stage had."}};
}

// The grid that precisions are chosen for; a linear's own bits come later.
inline Job job_of_many_precisions(const Context& context, const std::filesystem::path& folder) {
  return {context, folder,
          modelkit::QuantizationScheme{.bits = 4,
                                       .group_size = context.parameter<std::int64_t>("group_size"),
                                       .symmetric = context.parameter<bool>("symmetric"),
                                       .targets = {}}};
}

inline std::vector<int> precisions(const Context& context) {
  auto bits = context.parameter<std::vector<int>>("precisions");
  std::sort(bits.begin(), bits.end());
  return bits;
}

// The states that the measurement holds, one for each layer.
inline std::uint64_t sensitivity_bytes(const Context& context, const Job& job) {
  return static_cast<std::uint64_t>(job.model.layers * job.model.hidden) * sizeof(float) *
         context.parameter<std::uint64_t>("sensitivity_windows") * context.parameter<std::uint64_t>("window");
}

inline std::vector<modelkit::Coarsening> roundings(const Context& context, const Job& job) {
  std::vector<modelkit::Coarsening> all;
  for (const int bits : precisions(context)) {
    modelkit::QuantizationGrid grid = job.grid();
    grid.bits = bits;
    all.push_back(
        {"int" + std::to_string(bits), [grid](const modelkit::LinearWeight& weight, const std::string& module,
                                              modelkit::ThreadPool& threads) {
           return modelkit::quantize_rtn(weight, grid, module, threads).weight;
         }});
  }
  return all;
}

// What a measurement of several hours has so far, in the scratch folder.
class MeasuredSoFar {
 public:
  explicit MeasuredSoFar(std::filesystem::path file) : file_(std::move(file)) {}

  std::vector<modelkit::LinearSensitivity> read() const {
    std::vector<modelkit::LinearSensitivity> known;
    if (!std::filesystem::exists(file_)) return known;
    for (const Json& linear : Json::parse(std::ifstream(file_)))
      known.push_back({linear.at("layer"), linear.at("module"), linear.at("divergence")});
    return known;
  }

  void keep(const std::vector<modelkit::LinearSensitivity>& linears) const {
    Json all = Json::array();
    for (const modelkit::LinearSensitivity& linear : linears)
      all.push_back({{"layer", linear.layer}, {"module", linear.module}, {"divergence", linear.divergence}});
    modelkit::write_file_atomically(file_, all.dump());
  }

 private:
  std::filesystem::path file_;
};

inline Divergences measure_divergences(const Context& context, const Job& job, modelkit::Sampling sampling,
                                       modelkit::ThreadPool& threads) {
  using namespace modelkit;
  const auto start = std::chrono::steady_clock::now();
  const ModelSource source = ModelSource::open(context.input("model"));
  sampling.samples = std::min(sampling.samples, context.parameter<std::size_t>("sensitivity_windows"));
  const CalibrationSet set = calibration_set(Tokenizer::open(source.checkpoint().folder()),
                                             context.optional_input("calibration"), sampling);
  const auto compute = make_cpu_compute(context.threads());
  Transformer model(*compute, source);
  const MeasuredSoFar so_far(context.scratch_dir() / "sensitivity.json");
  Divergences found;
  for (const LinearSensitivity& linear : measure_linears(
           model, set.windows, so_far.read(), layer_targets(job), roundings(context, job), threads,
           [&](const std::vector<LinearSensitivity>& all) { so_far.keep(all); },
           [&](double share) {
             context.progress(share, 1.0, "sensitivities");
             context.check_cancelled();
           })) {
    found[layer_prefix(job.model, linear.layer) + "." + linear.module] = linear.divergence;
  }
  context.metric("sensitivity_seconds", seconds_since(start));
  return found;
}

// Module to bits to divergence.
inline Json divergences_json(const Divergences& found, const std::vector<int>& bits) {
  Json json = Json::object();
  for (const auto& [module, divergence] : found) {
    for (std::size_t i = 0; i < bits.size(); ++i) json[module][std::to_string(bits[i])] = divergence.at(i);
  }
  return json;
}

// The grid that sensitivities are of: they say nothing of another.
inline Json grid_json(const Context& context) {
  return {{"group_size", context.parameters().at("group_size")},
          {"symmetric", context.parameters().at("symmetric")},
          {"clip", context.parameters().at("clip")},
          {"scale_dtype", context.parameters().at("scale_dtype")}};
}

// Tells the model that sensitivities are of from others.
inline std::string measured_digest(const Context& context) {
  return modelkit::weights_digest(modelkit::ModelSource::open(context.input("model")));
}

// Why the sensitivities in `document` are not those that the job needs; "" when they are. They may have more
// precisions than it chooses from.
inline std::string misfit(const Context& context, const Job& job, const Json& document) {
  const Json &grid = document.at("grid"), &linears = document.at("linears");
  if (document.at("weights_digest") != measured_digest(context))
    return "the sensitivities are of another model";
  if (grid != grid_json(context)) return "the sensitivities are of the grid " + grid.dump();
  std::set<std::string> targets;
  for (const modelkit::LinearSite& site : job.targets.modules) {
    targets.insert(site.module);
    if (!linears.contains(site.module)) return "the sensitivities lack the target " + site.module;
    for (const int bits : precisions(context)) {
      if (!linears.at(site.module).contains(std::to_string(bits)))
        return "the sensitivities lack " + site.module + " at " + std::to_string(bits) + " bits";
    }
  }
  for (const auto& [module, unused] : linears.items()) {
    if (!targets.contains(module))
      return "the sensitivities are of " + module + " too, which is no target here";
  }
  return "";
}

// Of a file of quantize/sensitivity: those of the job's targets at its precisions. Throws "invalid_input"
// when they are of another model, grid or targets, or lack a precision.
inline Divergences read_divergences(const Context& context, const Job& job,
                                    const std::filesystem::path& path) {
  constexpr std::uint64_t kLargestFile = 64u << 20;
  const auto refuse = [&](const std::string& why) {
    return Error(
        "invalid_input", why, path.string(),
        "connect the output sensitivity of quantize/sensitivity, with the same model, grid, targets and "
        "precisions");
  };
  const Json document = modelkit::parse_json(modelkit::read_text_file(path, kLargestFile), path.string());
  try {
    if (const std::string why = misfit(context, job, document); !why.empty()) throw refuse(why);
    Divergences found;
    for (const modelkit::LinearSite& site : job.targets.modules) {
      for (const int bits : precisions(context))
        found[site.module].push_back(document.at("linears").at(site.module).at(std::to_string(bits)));
    }
    return found;
  } catch (const Json::exception&) {
    throw refuse("not a file of quantize/sensitivity");
  }
}

}  // namespace presswork::quantization
